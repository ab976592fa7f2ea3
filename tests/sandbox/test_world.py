"""The world without HTTP: clock, life of a transfer, limits, journal, sources."""

import json
from pathlib import Path

import pytest
from tests.sandbox.caller import torrent

from sluicegate.sandbox.accounts import Account, Plan, account_of
from sluicegate.sandbox.clock import WorldClock
from sluicegate.sandbox.content import Content, ContentFile
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.journal import Journal
from sluicegate.sandbox.limits import Limits, Rate
from sluicegate.sandbox.sources import read_hash, read_magnet, read_torrent
from sluicegate.sandbox.tap import masked, masked_query
from sluicegate.sandbox.transfers import Hold, Phase
from sluicegate.sandbox.wire import Form
from sluicegate.sandbox.world import World

HASH = "a1" * 20


class Wall:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def world(wall: Wall) -> World:
    return World(clock=WorldClock(wall))


@pytest.fixture
def account() -> Account:
    found = account_of("torbox", "sandbox-joe")
    assert found
    return found


def content(**more) -> Content:
    return Content(source=HASH, name="Box", files=(ContentFile("a", 600), ContentFile("b", 400)), **more)


# Clock


def test_clock_rates_and_jumps(wall: Wall):
    clock = WorldClock(wall)
    wall.now += 5
    assert clock.now() == 1_000_005
    clock.set_rate(60)
    wall.now += 2
    assert clock.now() == 1_000_125
    clock.advance(75)
    assert clock.now() == 1_000_200
    clock.set_rate(0)
    wall.now += 100
    assert clock.now() == 1_000_200
    wall.now -= 1000
    assert clock.now() == 1_000_200
    clock.set_rate(60)
    assert (clock.wall_seconds(120), clock.wall_seconds(1)) == (2, 1)


def test_a_kept_clock_lives_on(wall: Wall):
    clock = WorldClock(wall)
    clock.set_rate(10)
    wall.now += 3
    assert WorldClock(wall, clock.state).now() == clock.now()


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
def test_clock_refuses_nonsense(wrong: float):
    with pytest.raises(ValueError):
        WorldClock().advance(wrong)
    with pytest.raises(ValueError):
        WorldClock().set_rate(wrong)


# Accounts


@pytest.mark.parametrize(
    ("token", "plan"),
    [
        ("sandbox-joe", Plan.PREMIUM),
        ("sandbox-free", Plan.PREMIUM),
        ("sandbox-free-x", Plan.FREE),
        ("sandbox-expired-x", Plan.EXPIRED),
        ("sandbox-locked-x", Plan.LOCKED),
        ("sandbox-freedom-x", Plan.PREMIUM),
        ("sandbox-premium-x", Plan.PREMIUM),
    ],
)
def test_the_token_says_the_plan(token: str, plan: Plan):
    found = account_of("realdebrid", token)
    assert found is not None
    assert found.plan is plan


@pytest.mark.parametrize("token", ["", None, "sandbox", "sandbox-", "Sandbox-joe", "joe", "tr_sandbox-joe"])
def test_other_tokens_are_nobody(token: str | None):
    assert account_of("realdebrid", token) is None


def test_accounts_of_two_providers_are_two():
    first, second = account_of("realdebrid", "sandbox-joe"), account_of("torbox", "sandbox-joe")
    assert first
    assert second
    assert first.id != second.id


# Transfers


def test_the_life_of_a_transfer(world: World, wall: Wall, account: Account):
    world.define(content(seconds_to_ready=100))
    made = world.add(account, HASH, id="1")
    seen, done, fractions = [], [], []
    for _ in range(12):
        progress = world.progress(made)
        seen.append(progress.phase)
        done.append(progress.done)
        fractions.append(progress.fraction)
        wall.now += 9.5
    assert list(dict.fromkeys(seen)) == [Phase.RESOLVING, Phase.DOWNLOADING, Phase.PROCESSING, Phase.READY]
    assert done == sorted(done)
    assert fractions == sorted(fractions)
    assert (done[-1], fractions[-1]) == (1000, 1.0)
    assert world.progress(made).ended_at == made.created_at + 100


def test_cached_is_ready_at_its_start_even_if_it_would_die(world: World, account: Account):
    world.define(content(cached_on=("torbox",), dies=True))
    assert world.progress(world.add(account, HASH, id="1")).ready


def test_cached_elsewhere_does_not_help(world: World, account: Account):
    world.define(content(cached_on=("realdebrid",)))
    assert not world.progress(world.add(account, HASH, id="1")).ready


def test_death_comes_half_way(world: World, wall: Wall, account: Account):
    world.define(content(seconds_to_ready=100, dies=True))
    made = world.add(account, HASH, id="1")
    wall.now += 49
    assert world.progress(made).phase is Phase.DOWNLOADING
    wall.now += 1
    progress = world.progress(made)
    assert (progress.phase, progress.ended_at) == (Phase.FAILED, made.created_at + 50)


def test_nothing_to_wait_for(world: World, account: Account):
    world.define(content(seconds_to_ready=0))
    assert world.progress(world.add(account, HASH, id="1")).ready


def test_a_choice_is_waited_for(world: World, wall: Wall, account: Account):
    world.define(content(seconds_to_ready=100))
    made = world.add(account, HASH, id="1", hold=Hold.CHOICE)
    assert world.progress(made).phase is Phase.RESOLVING
    wall.now += 10
    assert world.progress(made).phase is Phase.SELECTING
    wall.now += 10_000
    assert world.progress(made).phase is Phase.SELECTING
    assert world.active(account) == []
    made.selected = (1,)
    world.start(made)
    wall.now += 50
    assert world.progress(made).done == 200
    assert world.active(account) == [made]


def test_a_known_file_list_needs_no_metadata(world: World, account: Account):
    made = world.add(account, HASH, id="1", hold=Hold.CHOICE, metadata=True)
    assert world.progress(made).phase is Phase.SELECTING


def test_active_held_and_finished(world: World, wall: Wall, account: Account):
    running = world.add(account, HASH, id="1")
    queued = world.add(account, "b2" * 20, id="2", hold=Hold.QUEUE)
    assert (world.active(account), world.held(account)) == ([running], [queued])
    wall.now += 3
    assert world.active(account) == []
    world.start(queued)
    assert (world.active(account), world.held(account)) == ([queued], [])
    assert queued.hold is Hold.NONE


def test_removing_twice(world: World, account: Account):
    world.add(account, HASH, id="1")
    assert world.remove(account, "1")
    assert not world.remove(account, "1")
    assert world.transfers(account) == []
    assert world.active(account) == []


def test_youngest_first_and_two_accounts(world: World, account: Account):
    other = account_of("torbox", "sandbox-else")
    assert other
    for number in range(5):
        world.add(account, f"{number:040x}", id=str(number))
    world.add(other, HASH, id="9")
    assert [transfer.id for transfer in world.transfers(account)] == ["4", "3", "2", "1", "0"]
    assert world.transfer(account, "9") is None
    assert world.taken("torbox", "9")
    assert not world.taken("realdebrid", "9")


# Limits


def test_a_window_slides():
    limits, rate = Limits(), Rate("r", 3, 10)
    assert [limits.take("p", "a", rate, at) for at in (0, 4, 8)] == [None, None, None]
    refused = limits.take("p", "a", rate, 9)
    assert refused is not None
    assert refused.wait == 1
    assert limits.take("p", "a", rate, 10) is None
    assert limits.take("p", "a", rate, 13) is not None
    assert limits.take("p", "b", rate, 9) is None
    assert limits.left("p", "a", rate, 13) == (0, 7)


def test_refused_calls_that_count_keep_the_door_shut():
    limits, rate = Limits(), Rate("r", 2, 10, refused_count=True)
    for at in (0, 1):
        assert limits.take("p", "a", rate, at) is None
    assert limits.take("p", "a", rate, 9) is not None
    assert limits.take("p", "a", rate, 10.5) is not None
    assert limits.take("p", "a", rate, 20.6) is None


def test_a_lock_lasts():
    limits, rate = Limits(), Rate("r", 1, 10, lock=3600)
    assert limits.take("p", "a", rate, 0) is None
    refused = limits.take("p", "a", rate, 1)
    assert refused is not None
    assert refused.wait == 3600
    assert limits.take("p", "a", rate, 100) is not None
    assert limits.take("p", "a", rate, 3601) is None


def test_switched_off_limits_count_nothing():
    limits, rate = Limits(), Rate("r", 1, 10)
    limits.switch("p", enabled=False)
    assert [limits.take("p", "a", rate, 0) for _ in range(3)] == [None, None, None]
    limits.switch("p", enabled=True)
    assert limits.take("p", "a", rate, 0) is None


# Journal


def test_a_torn_line_costs_only_itself(tmp_path: Path):
    journal = Journal(tmp_path / "w.jsonl")
    journal.put("t", "a", {"x": 1})
    journal.put("t", "b", {"x": 2})
    journal.drop("t", "a")
    journal.put("t", "c", {"x": 3})
    journal.close()
    with (tmp_path / "w.jsonl").open("ab") as file:
        file.write(b'["t","d",{"x"')
    again = Journal(tmp_path / "w.jsonl")
    assert again.table("t") == {"b": {"x": 2}, "c": {"x": 3}}
    again.close()
    lines = (tmp_path / "w.jsonl").read_text().splitlines()
    assert [json.loads(line)[1] for line in lines] == ["b", "c"], "reading back compacts"


def test_a_world_comes_back(tmp_path: Path, account: Account):
    first = World(tmp_path)
    first.define(content(seconds_to_ready=100))
    first.add(account, HASH, id="1", name="given", extra={"k": [1]})
    first.add(account, "b2" * 20, id="2")
    first.remove(account, "2")
    first.clock.advance(5000)
    first.keep_clock()
    first.faults.order(Fault(provider="torbox", fault=FaultKind.GONE, times=3))
    first.keep_faults()
    first.limits.switch("torbox", enabled=False)
    first.keep_limits()
    first.keep_record(account, "shelf", "key", {"v": 1})
    number = first.number("n", 10)
    second = World(tmp_path)
    assert second.content(HASH) == first.content(HASH)
    assert [(row.id, row.name, row.extra) for row in second.transfers(account)] == [("1", "given", {"k": [1]})]
    assert abs(second.clock.now() - first.clock.now()) < 5
    assert second.faults.open == first.faults.open
    assert not second.limits.enabled("torbox")
    assert second.records(account, "shelf") == {"key": {"v": 1}}
    assert second.number("n", 10) == number + 1
    assert second.secret == first.secret
    for world in (first, second):
        world.close()


def test_no_token_reaches_the_disk(tmp_path: Path):
    account = account_of("smokedebrid", "a-real-secret-0000", any_token=True)
    assert account
    world = World(tmp_path)
    world.add(account, HASH, id="1")
    world.close()
    assert "secret-0000" not in (tmp_path / "world.jsonl").read_text()


# Masks, sources, forms


def test_masks():
    assert masked("sandbox-joe") == "…-joe"
    assert masked("abcd") == "…"
    assert masked("") == ""
    shown = masked_query("a=1&token=sandbox-joe&apikey=secret99&APIKEY=secret77&b=2&x_token=3")
    assert shown == "a=1&token=…-joe&apikey=…et99&APIKEY=…et77&b=2&x_token=3"


def test_hashes_and_magnets():
    assert read_hash(HASH.upper()) == HASH
    assert read_hash("UGQ2DINBUGQ2DINBUGQ2DINBUGQ2DINB") == HASH
    assert read_hash("xyz") is None
    found = read_magnet(f"magnet:?dn=Na%20me&xt=urn:btih:{HASH.upper()}&tr=udp://t")
    assert found
    assert (found.info_hash, found.name) == (HASH, "Na me")
    v2 = read_magnet("magnet:?xt=urn:btmh:1220" + "ab" * 32)
    assert v2
    assert v2.info_hash == "ab" * 20
    for text in ("", "magnet:?xt=urn:btih:xyz", f"http://x/?xt=urn:btih:{HASH}", HASH):
        assert read_magnet(text) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"d",
        b"de",
        b"i1e",
        b"l" * 20_000,
        b"d4:infoi1ee",
        b"d4:infod6:lengthi1eee",
        torrent() + b"x",
        b"9999999999:",
    ],
)
def test_broken_torrents(data: bytes):
    assert read_torrent(data) is None


def test_forms():
    form = Form.of_query("a[]=1&a[]=2&n=5&f=True&bad=x&e=")
    assert form.all("a[]") == ["1", "2"]
    assert (form.number("n", 0), form.number("none", 7), form.number("bad", 0)) == (5, 7, None)
    assert form.flag("f")
    assert not form.flag("n")
    body = (
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a \\"b\\".x"\r\nContent-Type: x/y\r\n\r\n'
        b"\r\n--data\r\n\r\n--B\r\nContent-Disposition: form-data; name=t\r\n\r\nv\r\n--B\r\nbroken\r\n--B--\r\n"
    )
    multipart = Form.of_multipart(body, "B")
    upload = multipart.file("none", "f")
    assert upload
    assert (upload.filename, upload.content_type, upload.data) == ('a "b".x', "x/y", b"\r\n--data\r\n")
    assert multipart.get("t") == "v"
