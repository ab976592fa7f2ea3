"""What release names say, as far as titles are matched by it; the parser's own tests are its own."""

import time

import pytest

from sluicegate.core.release_names import parse_release, same_title, title_key
from sluicegate.core.titles import imdb_ids


@pytest.mark.parametrize(
    ("name", "title", "year", "seasons", "episodes", "resolution"),
    [
        ("The.Matrix.1999.2160p.UHD.BluRay.x265-GRP", "The Matrix", 1999, set(), set(), "2160p"),
        ("Show.Name.S01E02.1080p.WEB-DL.mkv", "Show Name", None, {1}, {2}, "1080p"),
        ("Show.Name.S02.720p", "Show Name", None, {2}, set(), "720p"),
        ("Show S01E01-E03 1080p", "Show", None, {1}, {1, 2, 3}, "1080p"),
        ("folder/Show 1x05 720p.avi", "Show", None, {1}, {5}, "720p"),
        ("[Group] Anime - 05 (1080p) [ABCD1234].mkv", "Anime", None, set(), {5}, "1080p"),
    ],
)
def test_names(name, title, year, seasons, episodes, resolution):
    found = parse_release(name)
    assert (found.title, found.year, found.resolution) == (title, year, resolution)
    assert (found.seasons, found.episodes) == (seasons, episodes)


@pytest.mark.parametrize(
    "name", ["", ".", "/", "\x00", "((((", "(" * 5_000, "1" * 5_000, "a." * 5_000, "S01E" * 2_000, "\u202e" * 300]
)
def test_whatever_the_name_is_it_is_read_in_bounded_time(name):
    """Checklist T12 for title parsers."""
    began = time.process_time()
    parse_release(name)
    assert time.process_time() - began < 30


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Office", "Office"),
        ("Tom & Jerry", "tom and jerry"),
        ("It's", "Its"),
        ("Amélie!", "amelie"),
        ("A.B.C", "a b c"),
    ],
)
def test_titles_that_are_written_differently_are_the_same(one, other):
    assert title_key(one) == title_key(other)


def test_years_of_films_and_series():
    film = parse_release("Dune.2021.1080p")
    assert same_title(film, "Dune", 2020, series=False)
    assert not same_title(film, "Dune", 1984, series=False)
    assert same_title(parse_release("Dune.1080p"), "Dune", 1984, series=False)
    assert same_title(parse_release("Show.2019.S05E01"), "Show", 2015, series=True)
    assert not same_title(parse_release("Show.2005.S05E01"), "Show", 2015, series=True)


def test_ids_in_names():
    assert imdb_ids("Film (2010) {imdb-tt1375666} [x]") == {"tt1375666"}
    assert imdb_ids("butt1375666 tt12 att1375666") == frozenset()
