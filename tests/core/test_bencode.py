from contextlib import suppress

import libtorrent as lt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.core.bencode import Limits, decode, encode
from sluicegate.core.errors import InvalidInput, MalformedSource, UnsafeSource

_VALUES = st.recursive(
    st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=10), inner, max_size=5),
    max_leaves=30,
)
_DOCUMENTS = st.dictionaries(st.binary(max_size=10), _VALUES, max_size=6)


@given(_DOCUMENTS)
def test_what_is_encoded_decodes_to_the_same_values(root):
    document = decode(encode(root))
    assert document.root == root


@given(_DOCUMENTS)
def test_libtorrent_encodes_and_decodes_alike(root):
    raw = encode(root)
    assert lt.bencode(root) == raw
    assert lt.bdecode(raw) == decode(raw).root


@given(_DOCUMENTS)
def test_spans_hold_the_original_bytes_of_each_value(root):
    raw = encode(root)
    document = decode(raw)
    assert {key: raw[start:stop] for key, (start, stop) in document.spans.items()} == {
        key: encode({b"": value})[3:-1] for key, value in root.items()
    }


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"d" + tail))
@settings(max_examples=400)
def test_arbitrary_bytes_decode_or_raise_our_own_error(raw):
    with suppress(InvalidInput):
        decode(raw)


@given(_DOCUMENTS, st.data())
@settings(max_examples=300)
def test_damaged_documents_decode_or_raise_our_own_error(root, data):
    raw = bytearray(encode(root))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    with suppress(InvalidInput):
        decode(bytes(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"i1e",
        b"le",
        b"4:spam",
        b"d",
        b"d1:a",
        b"d1:ae",
        b"d1:ai1e",
        b"d1:ai1eee",
        b"dei1e",
        b"de\n",
        b"d1:ai01ee",
        b"d1:ai-0ee",
        b"d1:aiee",
        b"d1:ai-ee",
        b"d1:ai+1ee",
        b"d1:ai1.5ee",
        b"d1:ai 1ee",
        b"d1:ai" + b"1" * 21 + b"ee",
        b"d1:ai" + b"9" * 1_000_000 + b"ee",
        b"d1:a-1:xe",
        b"d1:a02:xxe",
        b"d1:a9999999999:xe",
        b"d1:a99999999999999999999:xe",
        b"d1:a5:xxxxe",
        b"di1ei2ee",
        b"dlei1ee",
        b"ddei1ee",
        b"d1:ai1e1:ai2ee",
        b"d1:axe",
    ],
)
def test_malformed_documents_are_refused(raw):
    with pytest.raises(MalformedSource):
        decode(raw)


def test_keys_out_of_order_are_accepted_as_every_engine_does():
    raw = b"d1:bi1e1:ai2ee"
    assert decode(raw).root == lt.bdecode(raw) == {b"b": 1, b"a": 2}


@pytest.mark.parametrize("opening", [b"l", b"d1:a"])
def test_20000_nested_containers_are_refused_without_recursion(opening):
    with pytest.raises(UnsafeSource, match="deep"):
        decode(b"d1:a" + opening * 20_000)


def test_the_deepest_allowed_nesting_is_accepted_and_one_more_is_not():
    limits = Limits(depth=5)
    assert decode(b"d1:alllleeeee", limits).root
    with pytest.raises(UnsafeSource):
        decode(b"d1:allllleeeeee", limits)


def test_item_and_size_limits():
    with pytest.raises(UnsafeSource, match="items"):
        decode(b"d1:al" + b"le" * 100 + b"ee", Limits(items=50))
    with pytest.raises(UnsafeSource, match="larger"):
        decode(b"d" + b" " * 100, Limits(size=50))
    with pytest.raises(UnsafeSource, match="items"):
        decode(b"d1:al" + b"le" * 3_000_000 + b"ee")
