import hashlib
from contextlib import suppress

import libtorrent as lt
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tests.core.torrents import PIECE, VERSIONS, leaf, real_torrent, torrent, v1_info, v2_info

from sluicegate.core.bencode import encode
from sluicegate.core.errors import InvalidInput, MalformedSource, UnsafeSource
from sluicegate.core.sources import TorrentEntry
from sluicegate.core.torrent_files import parse_torrent

_NAMES = st.text("abcdefgXYZ é_-0123456789", min_size=1, max_size=12).map(str.strip).filter(bool)
_SIZES = st.sampled_from([0, 1, 5, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])


def _unique_paths(paths: list[str]) -> bool:
    folded = [path.casefold() for path in paths]
    return len(set(folded)) == len(folded) and not any(a != b and b.startswith(a + "/") for a in folded for b in folded)


_TREES = (
    st.dictionaries(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), _SIZES, min_size=2, max_size=6)
    .filter(lambda tree: sum(tree.values()) > 0 and _unique_paths(list(tree)))
    .map(lambda tree: {f"root/{path}": size for path, size in tree.items()})
)


def _as_libtorrent_reads(raw: bytes):
    info = lt.load_torrent_buffer(raw).ti
    layout = info.layout()
    files = [
        TorrentEntry(layout.file_path(i).replace("\\", "/"), layout.file_size(i), i)
        for i in range(layout.num_files())
        if not layout.file_flags(i) & lt.file_flags_t.flag_pad_file
    ]
    hashes = info.info_hashes()
    return info, files, hashes


@pytest.mark.parametrize("version", VERSIONS)
@given(tree=_TREES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_real_torrents_are_read_as_libtorrent_reads_them(tmp_path_factory, version, tree):
    raw = real_torrent(tmp_path_factory.mktemp("files"), tree, version)
    try:
        info, files, hashes = _as_libtorrent_reads(raw)
    except RuntimeError:
        reject()  # libtorrent writes a few hybrids with empty files that it does not read itself

    ours = parse_torrent(raw)

    best = hashes.v1 if version != "v2" else hashes.get_best()
    assert ours.info_hash == str(best)
    assert ours.info_hash_v2 == (str(hashes.v2) if version != "v1" else None)
    assert ours.v2_only == (version == "v2")
    assert ours.name == info.name()
    assert [TorrentEntry(f"root/{f.path}", f.size, f.index) for f in ours.files] == files
    assert ours.trackers == ("http://tracker.example/announce",)
    assert ours.raw == raw


@pytest.mark.parametrize("version", VERSIONS)
def test_a_single_file_is_named_like_its_torrent(tmp_path, version):
    raw = real_torrent(tmp_path, {"film.mkv": 3 * PIECE + 1}, version)
    ours = parse_torrent(raw)
    assert (ours.name, ours.files) == ("film.mkv", (TorrentEntry("film.mkv", 3 * PIECE + 1),))
    assert _as_libtorrent_reads(raw)[1] == list(ours.files)


def test_the_hash_covers_the_original_bytes_even_with_keys_out_of_order():
    good = v1_info([([b"a"], 5)])
    info = b"d" + b"".join(encode({key: good[key]})[1:-1] for key in sorted(good, reverse=True)) + b"e"
    raw = b"d8:announce11:http://t/aa4:info" + info + b"e"
    assert (
        parse_torrent(raw).info_hash
        == hashlib.sha1(info).hexdigest()
        == str(lt.load_torrent_buffer(raw).info_hashes.v1)
    )


def test_trackers_and_private_flag():
    tiers = [[b"udp://a.example:1", b"http://b.example/"], [b"udp://a.example:1", b"file:///x", 7], b"odd"]
    raw = torrent(v1_info([([b"a"], 1)], private=1), announce=b"http://b.example/", **{"announce-list": tiers})
    ours = parse_torrent(raw)
    assert ours.private
    assert ours.trackers == ("http://b.example/", "udp://a.example:1")


def test_padding_is_left_out_and_counted_in_the_index():
    files = [([b"a"], 10), ([b".pad", b"16374"], 16_374), ([b"b"], 1), ([b"_____padding_file_0_x"], 2), ([b"c"], 3)]
    info = v1_info(files)
    info[b"files"][4][b"attr"] = b"xp"
    assert parse_torrent(torrent(info)).files == (TorrentEntry("a", 10, 0), TorrentEntry("b", 1, 2))


@pytest.mark.parametrize(
    "segments",
    [
        [b".."],
        [b"a", b"..", b"b"],
        [b"../../etc/passwd"],
        [b"..\\..\\x"],
        [b"/etc/passwd"],
        [b"", b"etc"],
        [b"C:\\x"],
        [b"C:", b"x"],
        [b"\\\\server\\share"],
        [b"a\x00.mkv"],
        [b""],
        [b"."],
        [b"d"] * 65,
    ],
)
def test_hostile_paths_are_refused_in_both_versions(segments):
    with pytest.raises(UnsafeSource):
        parse_torrent(torrent(v1_info([(segments, 1)])))
    node = leaf(1)
    for segment in reversed(segments):
        node = {segment: node}
    with pytest.raises(InvalidInput):
        parse_torrent(torrent(v2_info(node)))


@pytest.mark.parametrize("name", [b"..", b"../x", b"/etc", b"C:\\x", b"x\x00"])
def test_hostile_root_names_are_refused(name):
    with pytest.raises(UnsafeSource):
        parse_torrent(torrent(v1_info([([b"a"], 1)], name=name)))


def test_awkward_names_are_repaired_and_told_apart():
    names = [b"CON.txt", b"a\r\nb", b"x. ", b"\xc0\xae\xc0\xae", b"A.txt", b"a.TXT", "é".encode(), b"e\xcc\x81"]
    names += [b"rtl\xe2\x80\xaecod.exe", b"n" * 400 + b".mkv", b"AC/DC", b"d", "日".encode() * 100 + b".srt"]
    files = [([name], 1) for name in names] + [([b"D", b"x"], 1)]
    ours = parse_torrent(torrent(v1_info(files, name=b"lpt1.\r\n")))
    assert ours.name == "_lpt1"
    assert [f.path for f in ours.files] == [
        *("_CON.txt", "a__b", "x", "____", "A.txt", "a (2).TXT", "é", "é (2)", "rtlcod.exe"),
        *("n" * 251 + ".mkv", "AC_DC", "d (2)", "日" * 83 + ".srt", "D/x"),
    ]


def test_an_empty_name_falls_back_to_the_hash():
    ours = parse_torrent(torrent(v1_info([([b"a"], 1)], name=b"")))
    assert ours.name == ours.info_hash


def test_utf8_variants_win():
    info = v1_info([([b"latin\xe9"], 1)], **{"name.utf-8": "naïve".encode()})
    info[b"files"][0][b"path.utf-8"] = ["latiné".encode()]
    ours = parse_torrent(torrent(info))
    assert (ours.name, ours.files[0].path) == ("naïve", "latiné")


_GOOD = v1_info([([b"a"], 5), ([b"b"], PIECE)])
_TREE = {b"a": leaf(5), b"d": {b"b": leaf(PIECE)}}


@pytest.mark.parametrize(
    "changes",
    [
        {b"pieces": b""},
        {b"pieces": b"x" * 41},
        {b"pieces": b"x" * 60},
        {b"pieces": 5},
        {b"piece length": 0},
        {b"piece length": -1},
        {b"piece length": 2**40},
        {b"piece length": b"x"},
        {b"files": []},
        {b"files": 5},
        {b"files": [5]},
        {b"files": [{b"length": -1, b"path": [b"a"]}]},
        {b"files": [{b"length": b"5", b"path": [b"a"]}]},
        {b"files": [{b"path": [b"a"]}]},
        {b"files": [{b"length": 5}]},
        {b"files": [{b"length": 5, b"path": []}]},
        {b"files": [{b"length": 5, b"path": [5]}]},
        {b"files": [{b"length": 5, b"path": b"a"}]},
        {b"files": [{b"length": 0, b"path": [b"a"]}], b"pieces": b""},
        {b"files": [{b"length": 5, b"path": [b"a"], b"attr": b"p"}], b"pieces": b"x" * 20},
        {b"meta version": 3},
        {b"meta version": b"2"},
        {b"file tree": {b"a": leaf(5)}},
    ],
)
def test_contradictory_v1_torrents_are_refused(changes):
    assert parse_torrent(torrent(_GOOD))
    with pytest.raises(MalformedSource):
        parse_torrent(torrent(_GOOD | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {b"file tree": {}},
        {b"file tree": 5},
        {b"file tree": {b"a": 5}},
        {b"file tree": {b"a": {}}},
        {b"file tree": {b"": {b"length": 5}}},
        {b"file tree": {b"a": {b"": 5}}},
        {b"file tree": {b"a": leaf(5) | {b"b": leaf(5)}}},
        {b"file tree": {b"a": {b"": {b"length": 5}}}},
        {b"file tree": {b"a": {b"": {b"length": 5, b"pieces root": b"x"}}}},
        {b"file tree": {b"a": {b"": {b"length": -5, b"pieces root": b"x" * 32}}}},
        {b"file tree": {b"a": {b"": {b"length": 0}}}},
        {b"piece length": 8192},
        {b"piece length": 20_000},
        {b"meta version": 1},
        {b"pieces": b"x" * 20, b"files": [{b"length": 6, b"path": [b"a"]}]},
    ],
)
def test_contradictory_v2_torrents_are_refused(changes):
    assert parse_torrent(torrent(v2_info(_TREE)))
    with pytest.raises(MalformedSource):
        parse_torrent(torrent(v2_info(_TREE) | changes))


@pytest.mark.parametrize("layers", [5, {b"x": b"y" * 32}, {b"r" * 32: b"y" * 33}, {b"r" * 32: b""}, {b"r" * 32: 5}])
def test_malformed_piece_layers_are_refused(layers):
    with pytest.raises(MalformedSource):
        parse_torrent(torrent(v2_info(_TREE), **{"piece layers": layers}))


@pytest.mark.parametrize("root", [{}, {b"info": 5}, {b"info": []}, {b"info": {}}, {b"announce": b"http://x/"}])
def test_files_without_an_info_dictionary_are_refused(root):
    with pytest.raises(MalformedSource):
        parse_torrent(encode(root))


def test_symbolic_links_are_refused():
    for extra in ({b"attr": b"l"}, {b"symlink path": [b"etc"]}):
        info = v1_info([([b"a"], 1)])
        info[b"files"][0] |= extra
        with pytest.raises(UnsafeSource, match="symbolic link"):
            parse_torrent(torrent(info))
    with pytest.raises(UnsafeSource, match="symbolic link"):
        parse_torrent(torrent(v2_info({b"a": leaf(1, attr=b"l")})))


def test_sizes_beyond_any_disk_are_refused():
    info = v1_info([([b"a"], 1)])
    info[b"files"] = [{b"length": 2**62, b"path": [b"a"]}, {b"length": 2**62, b"path": [b"b"]}]
    with pytest.raises(UnsafeSource, match="more bytes"):
        parse_torrent(torrent(info))
    with pytest.raises(UnsafeSource, match="more bytes"):
        parse_torrent(torrent(v2_info({b"a": leaf(2**63)})))


def test_a_million_files_are_refused():
    info = v1_info([([b"a"], 1)])
    head, tail = encode(info).split(b"d6:lengthi1e4:pathl1:aee")
    many = b"d6:lengthi1e4:pathl1:aee" * 1_000_000
    with pytest.raises(UnsafeSource, match="larger"):
        parse_torrent(b"d4:info" + head + many + tail + b"e")
    with pytest.raises(UnsafeSource, match="files"):
        parse_torrent(b"d4:info" + head + many[: 24 * 150_000] + tail + b"e")


def test_bombs_are_refused_and_the_process_lives():
    for bomb in (b"d4:info" + b"l" * 20_000, b"d4:info" + b"d1:a" * 20_000, b"d4:infoi" + b"9" * 5_000_000 + b"ee"):
        with pytest.raises(InvalidInput):
            parse_torrent(bomb)


_SEEDS = [
    torrent(_GOOD, announce=b"http://t/a"),
    torrent(v2_info(_TREE)),
    torrent(v1_info([([b"a"], 5)]) | {b"x": b""}),
]


@given(
    st.sampled_from(_SEEDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)), max_size=4)
)
@settings(max_examples=1500)
def test_damaged_torrents_raise_nothing_but_our_own_errors(raw, wounds):
    damaged = bytearray(raw)
    for place, width, graft in wounds:
        at = int(place * len(damaged))
        damaged[at : at + width] = graft
    try:
        ours = parse_torrent(bytes(damaged))
    except InvalidInput:
        return
    assert ours.files


_ODD = st.recursive(
    st.integers(-3, 2**64) | st.binary(max_size=33),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([b"", b"a", b"length", b"path", b"attr", b"pieces root"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*_GOOD, b"file tree", b"meta version", b"length", b"private", b"name.utf-8"]), _ODD
    )
)
@settings(max_examples=800)
def test_odd_types_anywhere_raise_nothing_but_our_own_errors(changes):
    for base in (_GOOD, v2_info(_TREE)):
        with suppress(InvalidInput):
            assert parse_torrent(torrent(base | changes)).files
