"""Prints the part of requirements.lock that running Sluicegate needs, hashes included.

    python scripts/runtime_lock.py          # for pip and uv
    python scripts/runtime_lock.py --build  # the part that building its wheel needs
    python scripts/runtime_lock.py --sbom   # the first part as CycloneDX JSON

The lock says behind each package who asked for it; what only tests and documentation ask for is left out.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIRECT = "sluicegate (pyproject.toml)"
BUILDER = "hatchling"


def entries() -> dict[str, tuple[str, set[str]]]:
    """Each package's name: its lines in the lock, and who asked for it."""
    text = (ROOT / "requirements.lock").read_text()
    found = {}
    for block in re.split(r"(?m)^(?=[a-zA-Z0-9])", text):
        if block.strip():
            askers = re.findall(r"^    #(?: via|  ) +(\S.*)$", block, re.MULTILINE)
            found[re.split(r"[=\[ ]", block, maxsplit=1)[0]] = (block, set(askers))
    return found


def asked_by(first: str) -> dict[str, str]:
    """The lock's lines of ``first``, where it is a package, and of all that it asks for."""
    everything, needed = entries(), {first}
    while True:
        more = {name for name, (_, askers) in everything.items() if askers & needed} - needed
        if not more:
            return {name: block for name, (block, _) in everything.items() if name in needed}
        needed |= more


def bill_of_materials() -> dict[str, object]:
    """CycloneDX 1.6: the product and what it is made of."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    product = {"type": "application", "name": project["name"], "version": project["version"],
               "bom-ref": f"pkg:pypi/{project['name']}@{project['version']}"}  # fmt: skip
    components = []
    for name, block in asked_by(DIRECT).items():
        version = re.match(r"[^=]+==([^\s;\\]+)", block)[1]
        purl = f"pkg:pypi/{name}@{version}"
        hashes = [{"alg": "SHA-256", "content": digest} for digest in re.findall(r"sha256:([0-9a-f]{64})", block)]
        components.append({"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl,
                           "hashes": hashes})  # fmt: skip
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": product},
            "components": components}  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:] == ["--sbom"]:
        print(json.dumps(bill_of_materials(), indent=1))
    else:
        print("".join(asked_by(BUILDER if sys.argv[1:] == ["--build"] else DIRECT).values()), end="")
