"""Tries an installed Sluicegate, with nothing but Python's own library: serve, probes, the sign-in page, doctor."""

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

command, data = sys.argv[1], Path(sys.argv[2])


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.status, answer.read().decode()


def sluicegate(*arguments: str) -> str:
    done = subprocess.run((command, *arguments), check=True, capture_output=True, text=True, timeout=180)
    return done.stdout


server = subprocess.Popen((command, "serve", "--port", "0", "--data-dir", str(data)), stdout=subprocess.PIPE, text=True)
try:
    line = server.stdout.readline()
    assert line.startswith("ready http://"), f"it said {line!r}"
    base = line.split()[1]
    assert get(f"{base}/healthz")[0] == 200
    assert get(f"{base}/readyz")[0] == 200
    status, page = get(f"{base}/app")
    assert (status, "<form" in page) == (200, True), "the sign-in page"
    for path in re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js))[^"]*"', page):
        assert get(base + path)[0] == 200, path
    assert sluicegate("keys", "create", "--user", "home", "--kind", "library", "--data-dir", str(data)).startswith(
        "tu_"
    )
    sluicegate("doctor", "--data-dir", str(data))
finally:
    server.terminate()
    server.wait(60)
assert server.returncode == 0, server.returncode
print("package: the wheel serves, signs in, makes keys, and its doctor finds nothing wrong")
