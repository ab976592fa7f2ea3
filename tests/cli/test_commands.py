"""Every command of ``sluicegate`` beside a running server: what it prints where, and the code it leaves with."""

import asyncio
import re
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import pytest
from tests.faults.server import Server
from tests.launching import run
from tests.media.site import Site
from tests.swarm_fixtures import make_seed, seeding


def one_line(text: str) -> str:
    """The only line of an error; rich folds long ones at the width of a terminal."""
    assert "Traceback" not in text
    assert text.count("error: ") == 1
    words = " ".join(text.split())
    assert words.startswith("error: ")
    return words


async def test_help_names_every_command_and_the_exit_codes():
    shown, version = await asyncio.gather(run("--help"), run("--version"))
    assert shown.code == 0
    for name in ("serve", "get", "doctor", "jobs", "users", "keys"):
        assert re.search(rf"\b{name}\b", shown.out)
    assert "Exit codes" in shown.out
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", version.out)


async def test_wrong_usage_leaves_with_two():
    unknown, missing = await asyncio.gather(run("frobnicate"), run("get"))
    assert (unknown.code, missing.code) == (2, 2)
    assert "frobnicate" in unknown.err
    assert unknown.out == missing.out == ""


async def test_users(house: Server):
    made = await run("users", "create", "ada", data=house.data)
    assert (made.code, made.err) == (0, "")
    assert UUID(made.out.strip())
    again, listed, shown = await asyncio.gather(
        run("users", "create", "ada", data=house.data),
        run("users", "list", "--json", data=house.data),
        run("users", "list", data=house.data),
    )
    assert again.code == 4
    assert "exists" in one_line(again.err)
    assert {"id": made.out.strip(), "name": "ada"}.items() <= next(u for u in listed.json if u["name"] == "ada").items()
    assert made.out.strip() in shown.out


async def test_a_key_is_printed_alone_works_and_ends_when_revoked(house: Server):
    made = await run("keys", "create", "--user", "home", "--kind", "library", "--label", "phone", data=house.data)
    assert re.fullmatch(r"tu_[0-9a-z_]{30,}\n", made.out)
    headers = {"Authorization": f"Bearer {made.out.strip()}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{house.url}/v1/torrents") as answer:
            assert answer.status == 200
        listed = await run("keys", "list", "--user", "home", "--json", data=house.data)
        assert made.out.strip() not in listed.out
        key = next(key for key in listed.json if key["label"] == "phone")
        assert made.out.startswith(key["prefix"].rstrip("…"))
        revoked = await run("keys", "revoke", key["id"], data=house.data)
        assert (revoked.code, revoked.out, revoked.err) == (0, "", "revoked\n")
        async with session.get(f"{house.url}/v1/torrents") as answer:
            assert answer.status == 401
            assert "error" in await answer.json()


async def test_keys_of_every_kind_and_of_nobody(house: Server):
    media, proxy, nobody, unknown = await asyncio.gather(
        run("keys", "create", "--user", "home", "--kind", "media", data=house.data),
        run("keys", "create", "--user", "home", "--kind", "proxy", data=house.data),
        run("keys", "create", "--user", "nobody", data=house.data),
        run("keys", "revoke", str(uuid4()), data=house.data),
    )
    assert media.out.startswith("sk_")
    assert proxy.out.startswith("pk_")
    assert (nobody.code, nobody.out, unknown.code, unknown.out) == (3, "", 3, "")
    assert one_line(nobody.err)
    assert one_line(unknown.err)


async def test_get_puts_the_files_into_a_folder(house: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, {"film.mkv": 2_000_000, "notes.txt": b"seen"}, name="taken")
    async with seeding(seed) as peer:
        target = tmp_path / "target"
        taken = await run("get", seed.magnet(peer), "--to", str(target), "--json", data=house.data)
    assert taken.code == 0, taken.err
    assert taken.json["state"] == "ready"
    assert sorted(taken.json["files"]) == sorted(str(target / "taken" / path) for path in seed.files)
    for path in seed.files:
        assert (target / "taken" / path).read_bytes() == (seed.folder / "taken" / path).read_bytes()
    assert not list(target.rglob("*.part"))


async def test_get_prints_paths_and_tells_errors(house: Server, tmp_path: Path):
    with Site.running() as site:
        url = site.put("/notes.txt", b"seen")
        taken, wrong, refused, cloud = await asyncio.gather(
            run("get", url, "--to", str(tmp_path), data=house.data),
            run("get", "magnet:?xt=urn:btih:abc", data=house.data),
            run("get", "http://10.0.0.1/x", data=house.data),
            run("get", url, "--to", "s3://bucket", data=house.data),
        )
    assert (taken.code, taken.out) == (0, f"{tmp_path}/notes.txt\n")
    assert (tmp_path / "notes.txt").read_bytes() == b"seen"
    # A bucket is named by a target, and there is none of this name.
    assert (wrong.code, refused.code, cloud.code) == (2, 1, 3)
    assert "40 hexadecimal digits" in one_line(wrong.err)
    assert "private" in one_line(refused.err)
    assert wrong.out == refused.out == cloud.out == ""


async def test_jobs(house: Server):
    waiting = (await house.call("POST", "/v1/torrents", {"magnet": "decade" + "0" * 34}))[1]["id"]
    listed, shown, table, unknown = await asyncio.gather(
        run("jobs", "list", "--json", data=house.data),
        run("jobs", "show", waiting, "--json", data=house.data),
        run("jobs", "show", waiting, data=house.data),
        run("jobs", "show", str(uuid4()), data=house.data),
    )
    assert next(job for job in listed.json if job["id"] == waiting)["info_hash"] == "decade" + "0" * 34
    assert shown.json["trace"][-1]["words"]
    assert "decade" in table.out
    assert (unknown.code, unknown.out) == (3, "")
    watch = asyncio.create_task(run("jobs", "watch", waiting, data=house.data))
    cancelled = await run("jobs", "cancel", waiting, data=house.data)
    assert (cancelled.code, cancelled.err) == (0, "the job is cancelled\n")
    watched = await watch
    assert watched.code == 1
    assert "cancelled" in watched.err


async def test_jobs_explain_themselves(house: Server):
    waiting = (await house.call("POST", "/v1/torrents", {"magnet": "decade" + "1" * 34}))[1]["id"]
    async with asyncio.timeout(60):
        while not (told := await run("jobs", "trace", waiting, "--json", data=house.data)).json:
            await asyncio.sleep(0.2)
    assert set(told.json[0]) == {"at", "rung", "verdict", "rule", "words", "latency_ms"}
    table, planned, existing, wrong = await asyncio.gather(
        run("jobs", "trace", waiting, data=house.data),
        run("jobs", "simulate", "decade" + "2" * 34, "--json", data=house.data),
        run("jobs", "simulate", "decade" + "1" * 34, data=house.data),
        run("jobs", "simulate", "decade", data=house.data),
    )
    assert "own copies" in table.out
    assert planned.json["steps"][-1]["verdict"] == "would-try"
    assert planned.json["rung"] == "swarm"
    assert existing.err.startswith("existing: You have this as a job already")
    assert (wrong.code, wrong.out) == (2, "")
    assert (await run("jobs", "cancel", waiting, data=house.data)).code == 0


async def test_doctor_finds_all_well_beside_a_server(house: Server):
    found, table = await asyncio.gather(run("doctor", "--json", data=house.data), run("doctor", data=house.data))
    checks = {finding["subject"]: finding for finding in found.json["findings"]}
    assert found.code == (1 if any(finding["advice"] for finding in checks.values()) else 0)
    assert (checks["database"]["state"], checks["worker"]["state"]) == ("ready", "runs")
    assert found.json["settings"]["data_dir"] == str(house.data)
    assert "SLUICEGATE_EGRESS_ALLOW" in table.out


async def test_doctor_says_what_is_wrong_and_shows_no_secret(tmp_path: Path):
    url = "postgresql://someone:hunter2@127.0.0.1:1/none"
    broken = await run("doctor", "--json", "--database-url", url, data=tmp_path)
    assert broken.code == 1
    database = next(f for f in broken.json["findings"] if f["subject"] == "database")
    assert database["advice"]
    assert "hunter2" not in broken.out + broken.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--port", "70000"), 2, "SLUICEGATE_PORT"),
        (("--role", "king"), 2, "king"),
        (("--database-url", "postgresql://x:hunter2@127.0.0.1:1/none", "--port", "0"), 5, "database"),
    ],
)
async def test_serve_tells_what_it_cannot_do(tmp_path: Path, options: tuple[str, ...], code: int, words: str):
    failed = await run("serve", *options, data=tmp_path)
    assert (failed.code, failed.out) == (code, "")
    assert words in failed.err
    assert "hunter2" not in failed.err
    assert "Traceback" not in failed.err


async def test_serve_tells_that_its_port_is_taken(house: Server, tmp_path: Path):
    failed = await run("serve", "--port", house.url.rpartition(":")[2], data=tmp_path)
    assert (failed.code, failed.out) == (5, "")
    assert "cannot serve" in one_line(failed.err)


async def test_a_wrong_file_of_settings_is_told_in_a_line(tmp_path: Path):
    (tmp_path / "broken.toml").write_text("port = = 1")
    (tmp_path / "unknown.toml").write_text("colour = 1")
    for name, words in (("broken.toml", "no TOML"), ("unknown.toml", "COLOUR"), ("missing.toml", "no file")):
        failed = await run("serve", data=tmp_path / "data", SLUICEGATE_CONFIG=str(tmp_path / name))
        assert (failed.code, failed.out) == (2, "")
        assert words in one_line(failed.err)


async def test_a_host_that_does_not_resolve_is_told_in_a_line(tmp_path: Path):
    failed = await run("serve", "--host", "nowhere.invalid", "--port", "0", data=tmp_path)
    assert (failed.code, failed.out) == (5, "")
    assert "Unknown error" not in one_line(failed.err)
