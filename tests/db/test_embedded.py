"""The embedded PostgreSQL as real processes: shared, killed, left behind, and found again."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from tests import ready_made

from sluicegate.core.errors import InternalError
from sluicegate.db.cluster import Cluster
from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres
from sluicegate.db.os_user import OsUser, let_read, let_through, server_user

_MEMBER = """
import asyncio, concurrent.futures.thread, encodings.ascii, encodings.idna, sys
from pathlib import Path
from sluicegate.db.connector import Connector
from sluicegate.db.embedded import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1])) as server:
        connection = await Connector(embedded=server).connect()
        print("in", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await connection.close()

exec(sys.argv[2])
asyncio.run(main())
"""


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A folder for a server, which is ended whatever the test did."""
    with ready_made.open_folder() as folder:
        yield folder / "postgres"
        for process in servers_in(folder / "postgres"):
            process.kill()


@pytest.fixture
async def home(new_home: Path) -> Path:
    """A folder that was used before."""
    await ready_made.place(new_home, ready_made.EMPTY)
    return new_home


def servers_in(home: Path) -> list[psutil.Process]:
    return Cluster(home)._processes()


async def member(home: Path, first: str = "pass") -> asyncio.subprocess.Process:
    """Another process that uses the data folder until its standard input is closed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _MEMBER, str(home), first, stdin=pipe, stdout=pipe
    )
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"in\n"
    return process


async def leaves(process: asyncio.subprocess.Process) -> None:
    process.stdin.close()
    async with asyncio.timeout(60):
        assert await process.wait() == 0


async def ask(server: EmbeddedPostgres, query: str = "SELECT 1") -> object:
    connection = await Connector(embedded=server).connect()
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_the_first_starts_it_and_the_last_stops_it(new_home: Path):
    home = new_home
    first, second = await asyncio.gather(member(home), member(home))
    assert servers_in(home)
    await leaves(first)
    assert servers_in(home)
    async with EmbeddedPostgres(home) as server:
        await leaves(second)
        assert await ask(server) == 1
    assert servers_in(home) == []


async def test_members_in_one_process_count_each(home: Path):
    async with EmbeddedPostgres(home):
        async with EmbeddedPostgres(home) as inner:
            assert await ask(inner) == 1
        assert servers_in(home)
    assert servers_in(home) == []


async def test_a_killed_member_does_not_count(home: Path):
    killed = await member(home)
    async with EmbeddedPostgres(home) as server:
        killed.kill()
        await killed.wait()
        assert await ask(server) == 1
    assert servers_in(home) == []


async def test_a_server_whose_members_were_all_killed_is_found_and_used(home: Path):
    killed = await member(home)
    killed.kill()
    await killed.wait()
    before = {process.pid for process in servers_in(home)}
    assert before
    async with EmbeddedPostgres(home) as server:
        assert await ask(server) == 1
        assert before & {process.pid for process in servers_in(home)}
    assert servers_in(home) == []


async def test_a_committed_row_survives_kill_9_of_the_server(home: Path):
    async with EmbeddedPostgres(home) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS n")
        for process in servers_in(home):
            process.kill()
        assert await ask(server, "SELECT n FROM kept") == 42


async def test_many_connections_at_once_bring_a_killed_server_back_once(home: Path):
    async with EmbeddedPostgres(home) as server:
        Cluster(home)._postmaster().kill()
        assert await asyncio.gather(*(ask(server) for _ in range(20))) == [1] * 20


async def test_the_server_comes_back_while_a_backend_of_the_killed_one_still_works(home: Path):
    """An orphaned backend that computes does not notice its postmaster's end, and keeps the shared memory."""
    async with EmbeddedPostgres(home) as server:
        connection = await Connector(embedded=server).connect()
        busy = asyncio.create_task(connection.fetchval("SELECT sum(g) FROM generate_series(1, 10^10) AS g"))
        pid = connection.get_server_pid()
        await asyncio.sleep(0.3)
        Cluster(home)._postmaster().kill()
        assert await ask(server) == 1
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await busy
        assert pid not in {process.pid for process in servers_in(home)}


async def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(home: Path):
    async with EmbeddedPostgres(home):
        pass
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        pid_file = home / "data" / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{home / 'data'}\n0\n5432\n{home / 'data'}\n\n  1 1\nready   \n")
        owner = (home / "data").stat()
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        async with EmbeddedPostgres(home) as server:
            assert await ask(server) == 1
    finally:
        stranger.terminate()
        await stranger.wait()


async def test_a_start_that_was_killed_half_way_is_begun_anew(new_home: Path):
    home = new_home
    (home / "data.new" / "base").mkdir(parents=True)
    (home / "data.new" / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(home) as server:
        assert await ask(server) == 1


async def test_a_path_too_long_for_a_socket_works(new_home: Path):
    deep = new_home / ("d" * 60) / ("e" * 60)
    async with EmbeddedPostgres(deep) as server:
        assert server.socket_dir != deep / "data"
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert await ask(server) == 1
    shutil.rmtree(server.socket_dir)


async def test_a_socket_folder_of_somebody_else_is_refused(new_home: Path):
    deep = new_home / ("d" * 60) / ("f" * 60)
    deep.mkdir(parents=True)
    claimed = Cluster(deep).socket_dir
    claimed.mkdir(mode=0o777)
    claimed.chmod(0o777)
    try:
        with pytest.raises(InternalError, match="somebody else"):
            async with EmbeddedPostgres(deep):
                pass
    finally:
        claimed.rmdir()


async def test_nobody_else_can_reach_it(home: Path):
    async with EmbeddedPostgres(home) as server:
        assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
        assert await ask(server, "SHOW listen_addresses") == ""
        assert await ask(server, "SHOW fsync") == "on"
        assert await ask(server, "SHOW synchronous_commit") == "on"


async def test_secrets_of_our_environment_do_not_reach_the_server(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICEGATE_MASTER_KEY", "canary")
    async with EmbeddedPostgres(home):
        for process in servers_in(home):
            assert "canary" not in str(process.environ())


async def test_a_failed_start_says_where_to_look_and_leaves_nobody_in(home: Path):
    async with EmbeddedPostgres(home):
        pass
    control = home / "data" / "global" / "pg_control"
    content = control.read_bytes()
    control.write_bytes(b"\0" * len(content))
    with pytest.raises(InternalError) as refused:
        async with EmbeddedPostgres(home):
            pass
    assert "server.log" in refused.value.action
    control.write_bytes(content)
    async with EmbeddedPostgres(home) as server:
        assert await ask(server) == 1
    assert servers_in(home) == []


async def test_a_folder_of_another_postgresql_version_is_refused(home: Path):
    async with EmbeddedPostgres(home):
        pass
    (home / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(InternalError, match="PostgreSQL 17"):
        async with EmbeddedPostgres(home):
            pass


async def test_a_log_does_not_grow_without_end(home: Path):
    async with EmbeddedPostgres(home):
        pass
    log = home / "data" / "server.log"
    with log.open("ab") as file:
        file.write(b"x" * (2 << 20))
    async with EmbeddedPostgres(home):
        assert log.stat().st_size < 1 << 20


async def test_the_server_ends_cleanly_on_ctrl_c_of_its_starter(home: Path):
    """Ctrl-C reaches a terminal's whole process group; the server must not be in it."""
    process = await member(home)
    assert all(os.getpgid(server.pid) != os.getpgid(process.pid) for server in servers_in(home))
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    await process.wait()
    assert servers_in(home) == []


def test_the_user_of_an_existing_folder_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_user(tmp_path) is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    status = tmp_path.stat()
    found = server_user(tmp_path)
    assert found is not None
    assert found.uid != 0
    if status.st_uid != 0:
        assert found == OsUser(status.st_uid, status.st_gid)


def test_only_passing_through_is_allowed_to_the_servers_user(tmp_path: Path):
    stranger = OsUser(54321, 54321)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    let_through(closed / "home", stranger)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    program, text = closed / "program", closed / "text"
    program.write_text("")
    program.chmod(0o700)
    text.write_text("")
    text.chmod(0o600)
    let_read(closed, stranger)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (closed, program, text)]
    assert modes == [0o705, 0o705, 0o604]


async def test_it_works_as_an_ordinary_user(new_home: Path):
    home = new_home
    ordinary = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    home.mkdir()
    os.chown(home, ordinary, -1)
    home.parent.chmod(0o755)
    process = await member(home, f"import os; os.geteuid() == {ordinary} or os.setuid({ordinary})")
    assert {server.uids().real for server in servers_in(home)} == {ordinary}
    async with EmbeddedPostgres(home) as server:
        assert await ask(server) == 1
        await leaves(process)
        assert await ask(server) == 1
    assert servers_in(home) == []
