"""Drives Alibaba's older ``oss2`` client, with signatures of version 4, through an object's whole life."""

import json
import sys

import oss2

told = json.loads(sys.argv[1])
auth = oss2.AuthV4(told["access_key"], told["secret"])
bucket = oss2.Bucket(auth, told["endpoint"], told["bucket"], region="cn-hangzhou", is_path_style=True, enable_crc=False)
got = {}
bucket.put_object("a folder/ü.txt", b"hello")
got["read"] = bucket.get_object("a folder/ü.txt").read().decode()
got["range"] = bucket.get_object("a folder/ü.txt", byte_range=(1, 3)).read().decode()
got["size"] = bucket.head_object("a folder/ü.txt").content_length
upload = bucket.init_multipart_upload("large").upload_id
got["open"] = [one.upload_id == upload for one in bucket.list_multipart_uploads(prefix="large").upload_list]
parts = []
for number, body in enumerate((b"1" * 200_000, b"2" * 100), 1):
    parts.append(oss2.models.PartInfo(number, bucket.upload_part("large", upload, number, body).etag))
bucket.complete_multipart_upload("large", upload, parts)
got["large"] = bucket.head_object("large").content_length
gone = bucket.init_multipart_upload("gone").upload_id
bucket.abort_multipart_upload("gone", gone)
try:
    bucket.upload_part("gone", gone, 1, b"x")
except oss2.exceptions.NoSuchUpload as error:
    got["aborted"] = error.code
got["link"] = bucket.sign_url("GET", "a folder/ü.txt", 60, slash_safe=True)
bucket.delete_object("large")
try:
    bucket.get_object("large")
except oss2.exceptions.NoSuchKey as error:
    got["deleted"] = error.code
wrong = oss2.Bucket(
    oss2.AuthV4(told["access_key"], "wrong"), told["endpoint"], told["bucket"], region="cn-hangzhou", is_path_style=True
)
try:
    wrong.put_object("x", b"x")
except oss2.exceptions.SignatureDoesNotMatch as error:
    got["wrong"] = error.code
print(json.dumps(got))
