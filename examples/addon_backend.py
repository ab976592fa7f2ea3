"""A small add-on backend on the canonical gateway: hand in a magnet, wait, choose the video, print where it plays.

    python addon_backend.py --addon my-addon --secret as_… --key pk_… "magnet:?xt=urn:btih:…"

Without --provider it does so at every provider of the gateway. ``--base`` is all that changes between gateways. It
needs nothing but Python.
"""

# ruff: noqa: S310, T201  (the address is the one that was asked for; printing is what this program is for)

import argparse
import json
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

PROVIDERS = ("real_debrid", "alldebrid", "premiumize", "torbox", "debrid_link", "torrin", "smokedebrid")
VIDEO = (".mkv", ".mp4", ".avi", ".webm", ".mov", ".ts", ".m4v")
POLL_SECONDS = 1.0


class Refused(Exception):
    """The gateway or the provider said no."""


@dataclass(frozen=True)
class Gateway:
    """One add-on's view of a gateway, on behalf of one user.

    Attributes:
        base: address of the gateway, without a slash at its end.
        addon: the add-on's identifier.
        secret: its developer secret; it stays on the add-on's server.
        key: the proxy key that the user has pasted into the add-on.
    """

    base: str
    addon: str
    secret: str
    key: str

    def ask(self, provider: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The value at ``data.<provider>.data``.

        Raises:
            Refused: a problem of the whole request, or the provider's own error.
        """
        request = Request(
            f"{self.base}/api/v0.6-beta/canonical{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "X-Relaygate-Provider": provider,
                "X-Relaygate-Addon-Id": self.addon,
                "X-Relaygate-Addon-Secret": self.secret,
                "Authorization": f"Bearer {self.key}",
            },
        )
        try:
            with urlopen(request, timeout=15) as answer:
                fragment = json.load(answer)["data"][provider]
        except HTTPError as error:
            problem = json.load(error)
            raise Refused(f"{problem['code']}: {problem['detail']}") from None
        if "error" in fragment:
            raise Refused(f"{fragment['error']['code']}: {fragment['error']['detail']}")
        value: dict[str, Any] = fragment["data"]
        return value


def play(gateway: Gateway, provider: str, magnet: str, patience: float) -> str:
    """A URL that plays the largest video of a magnet.

    Raises:
        Refused: it failed, or was not ready in time.
    """
    job = gateway.ask(provider, "POST", "/jobs", {"kind": "torrent", "magnet": magnet})
    path = f"/jobs/{quote(job['job_id'], safe='')}"
    wait_until_ready(gateway, provider, path, patience)
    files = gateway.ask(provider, "GET", f"{path}/files?kind=torrent")["files"]
    videos = [file for file in files if file["name"].lower().endswith(VIDEO)] or files
    chosen = max(videos, key=lambda file: file["size"] or 0)
    file_id = quote(chosen["id"], safe="")
    playback = gateway.ask(provider, "POST", f"{path}/files/{file_id}/playback?kind=torrent", {})
    return str(playback["locations"][0]["url"])


def wait_until_ready(gateway: Gateway, provider: str, path: str, patience: float) -> None:
    """Polls a job until it is completed. Raises Refused when it fails or takes too long."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        job = gateway.ask(provider, "GET", f"{path}?kind=torrent")
        if job["status"] == "completed":
            return
        if job["status"] in {"failed", "canceled"}:
            raise Refused(job["error"] or f"The job is {job['status']}.")
        time.sleep(POLL_SECONDS)
    raise Refused(f"It was not ready within {patience:g} seconds.")


def main() -> int:
    """Plays the magnet at each provider; 0 when all of them could."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("magnet")
    parser.add_argument("--base", default="http://127.0.0.1:8787")
    parser.add_argument("--addon", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--provider", action="append", choices=PROVIDERS)
    parser.add_argument("--patience", type=float, default=120.0)
    options = parser.parse_args()
    gateway = Gateway(options.base.rstrip("/"), options.addon, options.secret, options.key)
    failures = 0
    for provider in options.provider or PROVIDERS:
        try:
            print(f"{provider}: {play(gateway, provider, options.magnet, options.patience)}", flush=True)
        except Refused as refusal:
            failures += 1
            print(f"{provider}: {refusal}", file=sys.stderr, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
