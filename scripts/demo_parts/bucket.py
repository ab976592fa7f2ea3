"""A real S3 server for the demo: SeaweedFS in a folder of its own. Prints ``bucket URL`` when it answers.

It ends with its standard input, like the demo's other children.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from demo_parts.ports import free_ports

ACCESS_KEY = "AKDEMO"
SECRET_KEY = "demo-secret-0123456789"
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
_PORTS += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")


def main(folder: Path) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that what was started here is ended here
    folder.mkdir(parents=True)
    key = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    identity = {"name": "demo", "credentials": [key], "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "keys.json").write_text(json.dumps({"identities": [identity]}))
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    command = [
        str(Path(sys.executable).parent / "weed"), "-logtostderr", "server", f"-dir={folder}", "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder / 'keys.json'}", "-s3.port.iceberg=0",
        "-s3.port.lance=0", "-master.telemetry=false", *(f"-{name}={port}" for name, port in ports.items()),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{ports['s3.port']}"
            _wait(process, url)
            print(f"bucket {url}", flush=True)
            sys.stdin.read()
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            return  # it asks for a signature: it is there
        except OSError:
            time.sleep(0.1)
    sys.exit("the S3 server did not start")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
