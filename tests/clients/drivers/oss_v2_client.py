"""Drives Alibaba's current ``alibabacloud-oss-v2`` client through an object's whole life."""

import datetime as dt
import json
import sys

import alibabacloud_oss_v2 as oss

told = json.loads(sys.argv[1])


def client(secret):
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(told["access_key"], secret)
    config.region = "cn-hangzhou"
    config.endpoint = told["endpoint"]
    config.use_path_style = True
    config.disable_upload_crc64_check = True
    config.disable_download_crc64_check = True
    return oss.Client(config)


def refused(call, request):
    try:
        call(request)
    except oss.exceptions.OperationError as error:
        return error.unwrap().code
    return "taken"


ours, bucket, got = client(told["secret"]), told["bucket"], {}
ours.put_object(oss.PutObjectRequest(bucket=bucket, key="a folder/ü.txt", body=b"hello"))
got["read"] = ours.get_object(oss.GetObjectRequest(bucket=bucket, key="a folder/ü.txt")).body.content.decode()
ranged = oss.GetObjectRequest(bucket=bucket, key="a folder/ü.txt", range_header="bytes=1-3")
got["range"] = ours.get_object(ranged).body.content.decode()
got["size"] = ours.head_object(oss.HeadObjectRequest(bucket=bucket, key="a folder/ü.txt")).content_length
upload = ours.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=bucket, key="large")).upload_id
listed = ours.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=bucket, prefix="large"))
got["open"] = [one.upload_id == upload for one in listed.uploads or []]
parts = []
for number, body in enumerate((b"1" * 200_000, b"2" * 100), 1):
    sent = ours.upload_part(
        oss.UploadPartRequest(bucket=bucket, key="large", upload_id=upload, part_number=number, body=body)
    )
    parts.append(oss.UploadPart(part_number=number, etag=sent.etag))
ours.complete_multipart_upload(
    oss.CompleteMultipartUploadRequest(
        bucket=bucket,
        key="large",
        upload_id=upload,
        complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
    )
)
got["large"] = ours.head_object(oss.HeadObjectRequest(bucket=bucket, key="large")).content_length
gone = ours.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=bucket, key="gone")).upload_id
ours.abort_multipart_upload(oss.AbortMultipartUploadRequest(bucket=bucket, key="gone", upload_id=gone))
late = oss.UploadPartRequest(bucket=bucket, key="gone", upload_id=gone, part_number=1, body=b"x")
got["aborted"] = refused(ours.upload_part, late)
got["link"] = ours.presign(
    oss.GetObjectRequest(bucket=bucket, key="a folder/ü.txt"), expires=dt.timedelta(seconds=60)
).url
ours.delete_object(oss.DeleteObjectRequest(bucket=bucket, key="large"))
got["deleted"] = refused(ours.get_object, oss.GetObjectRequest(bucket=bucket, key="large"))
got["wrong"] = refused(client("wrong").put_object, oss.PutObjectRequest(bucket=bucket, key="x", body=b"x"))
print(json.dumps(got))
