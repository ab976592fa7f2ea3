"""Account SAS tokens as Azure makes them. Source: "Create an account SAS" in the Azure Storage REST reference."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta


def account_sas(account: str, key: str, permissions: str) -> dict[str, str]:
    expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    version = "2021-12-02"
    fields = [account, permissions, "b", "co", "", expiry, "", "https,http", version, "", ""]
    signature = hmac.new(base64.b64decode(key), "\n".join(fields).encode(), hashlib.sha256).digest()
    return {
        "sv": version, "ss": "b", "srt": "co", "sp": permissions, "se": expiry, "spr": "https,http",
        "sig": base64.b64encode(signature).decode(),
    }  # fmt: skip
