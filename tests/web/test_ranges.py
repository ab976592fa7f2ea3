import random

import pytest

from sluicegate.web.ranges import RANGES_MAX, Span, Unsatisfiable, read_ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-499", [(0, 500)]),
        ("bytes=500-", [(500, 1000)]),
        ("bytes=-1", [(999, 1000)]),
        ("bytes=-5000", [(0, 1000)]),
        ("bytes=999-999", [(999, 1000)]),
        ("bytes=990-99999999999999999999999999", [(990, 1000)]),
        ("bytes=-99999999999999999999999999", [(0, 1000)]),
        ("bytes=0-0,-1", [(0, 1), (999, 1000)]),
        ("bytes= 1-2 , 4-5 ,", [(1, 3), (4, 6)]),
        ("BYTES=1-2", [(1, 3)]),
        ("bytes=700-800,100-200", [(700, 801), (100, 201)]),
        ("bytes=0-9,5000-,20-29", [(0, 10), (20, 30)]),
        ("bytes=000000000000000000000000005-0000000000000000000000000000006", [(5, 7)]),
    ],
)
def test_ranges_that_are_served(text: str, expected: list[tuple[int, int]]) -> None:
    assert read_ranges(text, 1000) == tuple(Span(*pair) for pair in expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=1-2-3",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=0x10-0x20",
        "bytes=1 -2",
        "bytes=\u0661-\u0662",
        "bytes=1-2;3-4",
        "items=0-5",
        "bytes 0-5",
        "bytes=0-5\r\nx: y",
    ],
)
def test_ranges_that_are_ignored(text: str) -> None:
    assert read_ranges(text, 1000) is None


@pytest.mark.parametrize(
    "text",
    [
        "bytes=1000-",
        "bytes=1000-2000",
        "bytes=-0",
        "bytes=5000-6000,7000-",
        "bytes=99999999999999999999999999999999999-",
        "bytes=" + ",".join(["0-"] * 2),
        "bytes=" + ",".join(["0-0"] * 1000),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(RANGES_MAX + 1)),
        "bytes=0-600,400-999",
    ],
)
def test_ranges_that_are_refused(text: str) -> None:
    with pytest.raises(Unsatisfiable):
        read_ranges(text, 1000)


@pytest.mark.parametrize("text", ["bytes=0-", "bytes=0-0", "bytes=-1"])
def test_no_range_of_an_empty_file_can_be_served(text: str) -> None:
    with pytest.raises(Unsatisfiable):
        read_ranges(text, 0)


def test_no_text_at_all_breaks_the_reader() -> None:
    alphabet = "bytes=0123456789-,- \t9"
    pick = random.Random(5)
    for _ in range(20_000):
        text = "bytes=" + "".join(pick.choice(alphabet) for _ in range(pick.randrange(14)))
        size = pick.choice([0, 1, 2, 50, 10**12])
        try:
            spans = read_ranges(text, size)
        except Unsatisfiable:
            continue
        assert spans is None or all(0 <= span.start < span.stop <= size for span in spans)
        assert spans is None or sum(span.length for span in spans) <= size
