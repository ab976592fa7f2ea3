import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.errors import UnsafeSource
from sluicegate.core.names import (
    PATH_BYTES_MAX,
    content_disposition_name,
    disambiguate,
    display_text,
    mime_type_of,
    safe_relative_path,
    safe_segment,
)

_ANY = st.text(st.characters(), max_size=400)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Film (2020) [x].mkv", "Film (2020) [x].mkv"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        (" . . ", "file"),
        ("/", "_"),
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
        ("a\0b\r\nc\td\x7f", "a_b__c_d_"),
        ("name. . ", "name"),
        ("  name", "name"),
        ("CON", "_CON"),
        ("con.tar.gz", "_con.tar.gz"),
        ("Com1.txt", "_Com1.txt"),
        ("lpt².txt", "_lpt².txt"),
        ("console", "console"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("\ufeffx\u200b", "x"),
        ("a\u00a0b\u2028c", "a b c"),
        ("e\u0301", "é"),
        ("\udcff", "_"),
        ("👩\u200d🚀.mkv", "👩\u200d🚀.mkv"),
        (".nfo", ".nfo"),
    ],
)
def test_segments(text, name):
    assert safe_segment(text) == name


def test_long_names_keep_their_extension_within_255_bytes():
    name = safe_segment("日本" * 200 + ".mkv")
    assert name.endswith(("本.mkv", "日.mkv"))
    assert 252 <= len(name.encode()) <= 255
    assert len(safe_segment("x" * 300 + "." + "y" * 300).encode()) == 255


@given(_ANY)
def test_every_segment_is_safe_and_stays_as_it_is(text):
    name = safe_segment(text)
    assert 0 < len(name.encode()) <= 255
    assert name not in {".", ".."}
    assert not set(name) & set('<>:"/\\|?*\0\r\n\u202e\u2066')
    assert name == name.strip(" ").rstrip(". ")
    assert unicodedata.is_normalized("NFC", name)
    assert safe_segment(name) == name


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../x",
        "a/../../x",
        "a/..",
        "a/ .. /b",
        ["..", "etc"],
        ["a", "../../x"],
        ["a", "..\\..\\x"],
        "/etc/passwd",
        "//server/share",
        ["", "etc"],
        ["/etc"],
        ["\\\\server\\share"],
        "C:/x",
        ["C:", "x"],
        ["a", "c:\\x"],
        "a\0b",
        ["a", "\0"],
        "",
        ".",
        "./.",
        [],
        "a/" * 65 + "x",
    ],
)
def test_hostile_paths_are_refused(path):
    with pytest.raises(UnsafeSource):
        safe_relative_path(path)


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("a/b.mkv", "a/b.mkv"),
        ("./a//b/./c", "a/b/c"),
        (["AC/DC", "x:y"], "AC_DC/x_y"),
        (["M: part 1"], "M_ part 1"),
        ("...", "_"),
        ("a/con/b.", "a/_con/b"),
        ("a/\u202e/b", "a/_/b"),
        ("..a/b..", "..a/b"),
    ],
)
def test_awkward_paths_are_repaired(path, safe):
    assert safe_relative_path(path) == safe


def test_long_paths_are_shortened_and_stay_different():
    folders = ["folder." + "x" * 300] * 20
    one, two = (safe_relative_path([*folders, f"{'n' * 300} {i}.mkv"]) for i in range(2))
    assert one != two
    for path in (one, two):
        assert len(path.encode()) <= PATH_BYTES_MAX
        assert path.endswith(".mkv")
        assert path.count("/") == 20


@given(st.lists(_ANY, min_size=1, max_size=70))
def test_every_path_is_refused_or_relative_and_short(segments):
    try:
        path = safe_relative_path(segments)
    except UnsafeSource:
        return
    assert 0 < len(path.encode()) <= PATH_BYTES_MAX
    assert all(segment == safe_segment(segment) for segment in path.split("/"))


def test_collisions_of_case_normal_form_and_folders_are_told_apart():
    paths = ["a.txt", "A.TXT", "a (2).txt", "a.txt", "é", "É", "d", "d/x", "D/X", "straße", "STRASSE"]
    unique = disambiguate(paths)
    assert unique == (
        *("a.txt", "A (3).TXT", "a (2).txt", "a (4).txt", "é", "É (2)"),
        *("d (2)", "d/x", "D/X (2)", "straße", "STRASSE (2)"),
    )


@given(st.lists(st.text("aA.é/", min_size=1, max_size=6), max_size=12))
def test_disambiguated_paths_are_unique_where_case_does_not_count(texts):
    paths = []
    for text in texts:
        try:
            paths.append(safe_relative_path(text))
        except UnsafeSource:
            continue
    unique = disambiguate(paths)
    folded = {unicodedata.normalize("NFD", path.casefold()) for path in unique}
    folders = {path[:i] for path in folded for i, c in enumerate(path) if c == "/"}
    assert len(folded) == len(unique) == len(paths)
    assert not folded & folders
    assert disambiguate(unique) == unique


def test_a_hundred_thousand_equal_names_stay_unique_and_short():
    unique = disambiguate(["x" * 251 + ".mkv"] * 100_000)
    assert len(set(unique)) == 100_000
    assert max(len(path.encode()) for path in unique) <= 255


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a;b \\"c\\".txt"', "a;b _c_.txt"),
        ("attachment; filename=plain.txt", "plain.txt"),
        ("attachment;FileName = plain.txt ; size=3", "plain.txt"),
        ("filename=bare.txt", "bare.txt"),
        ("attachment; filename=x.txt; filename*=UTF-8''%e2%82%ac%20rates.txt", "€ rates.txt"),
        ("attachment; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
        ("attachment; filename*=UTF-8''%ff; filename=fallback.txt", "fallback.txt"),
        ("attachment; filename*=utf-7''+AGE-; filename=fallback.txt", "fallback.txt"),
        ("attachment; filename*=broken; filename=fallback.txt", "fallback.txt"),
        ('attachment; filename="\u00e2\u0082\u00ac.txt"', "€.txt"),
        ('attachment; filename="\u20ac.txt"', "€.txt"),
        ('attachment; foo="x; filename=evil.txt"; filename=good.txt', "good.txt"),
        ("attachment; filename=first.txt; filename=second.txt", "first.txt"),
        ("attachment; filename=../../etc/passwd", "passwd"),
        ("attachment; filename*=UTF-8''..%2F..%2Fx%5C..", None),
        ('attachment; filename=".."', None),
        ('attachment; filename=""', None),
        ('attachment; filename="unclosed.txt', "_unclosed.txt"),
        ("attachment", None),
        ("", None),
        ("attachment; filename*=UTF-8''%0d%0aX-Evil:%201", "__X-Evil_ 1"),
        ("attachment; filename=CON", "_CON"),
    ],
)
def test_content_disposition(header, name):
    assert content_disposition_name(header) == name


@given(st.text(max_size=300).map(lambda text: "attachment; filename" + text) | st.text(max_size=100))
def test_any_header_gives_a_safe_name_or_none(header):
    name = content_disposition_name(header)
    assert name is None or name == safe_segment(name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.MKV", "video/x-matroska"),
        ("a/b.mp4", "video/mp4"),
        ("x.srt", "application/x-subrip"),
        ("x.ts", "video/mp2t"),
        ("x.webm", "video/webm"),
        ("x.mp3", "audio/mpeg"),
        ("x.jpg", "image/jpeg"),
        ("x", "application/octet-stream"),
        ("x.unknown", "application/octet-stream"),
        (".mkv", "application/octet-stream"),
    ],
)
def test_media_types(name, kind):
    assert mime_type_of(name) == kind


@given(_ANY)
def test_display_text_is_one_clean_line(text):
    shown = display_text(text, 50)
    assert len(shown) <= 50
    assert shown == " ".join(shown.split())
    assert "\0" not in shown
    shown.encode()
