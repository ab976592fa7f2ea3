"""E-mail addresses: one spelling for each mailbox, and nothing that could become a header."""

import pytest

from sluicegate.core.errors import InvalidInput
from sluicegate.core.mail import EmailAddress, read_domain


@pytest.mark.parametrize(
    ("typed", "kept", "key"),
    [
        ("ann@example.org", "ann@example.org", "ann@example.org"),
        ("  Ann.B+tag@EXAMPLE.Org ", "Ann.B+tag@example.org", "ann.b+tag@example.org"),
        ("o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk", "o'neil@sub.example.co.uk"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@例え.テスト", "ann@xn--r8jz45g.xn--zckzah", "ann@xn--r8jz45g.xn--zckzah"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_one_mailbox_has_one_spelling(typed: str, kept: str, key: str):
    address = EmailAddress.read(typed)
    assert (str(address), address.key) == (kept, key)
    assert EmailAddress.read(str(address)) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@localhost",
        "ann@example",
        "ann@example.org.",
        "ann@.example.org",
        "ann@example..org",
        "ann@-example.org",
        "ann@exa_mple.org",
        "ann@[127.0.0.1]",
        "ann@127.0.0.1",
        "ann@example.org:25",
        "a@b@example.org",
        ".ann@example.org",
        "ann.@example.org",
        "an..n@example.org",
        '"ann b"@example.org',
        "Ann <ann@example.org>",
        "<ann@example.org>",
        "ann@example.org, bob@example.org",
        "ann(comment)@example.org",
        "änn@example.org",
        "ann@example.org\r\nBcc: bob@example.org",
        "ann\r\nBcc:bob@example.org",
        "ann\n@example.org",
        "ann@exam\nple.org",
        "ann@example.org\x00",
        "ann\u2028@example.org",
        "a" * 65 + "@example.org",
        "a" * 64 + "@" + ".".join(["b" * 60] * 4) + ".org",
        "ann@" + "b" * 64 + ".org",
        "ann@" + "b." * 5000 + "org",
        "x" * 1_000_000,
    ],
)
def test_what_is_no_address_is_refused(typed: str):
    with pytest.raises(InvalidInput) as refused:
        EmailAddress.read(typed)
    assert refused.value.field == "email"


def test_a_trailing_line_end_is_a_space_like_others():
    assert str(EmailAddress.read("ann@example.org\r\n")) == "ann@example.org"


@pytest.mark.parametrize("text", ["", "*", "*.example.org", "ann@example.org", "example", "exa mple.org"])
def test_what_is_no_domain_is_refused(text: str):
    with pytest.raises(InvalidInput):
        read_domain(text, field="SLUICEGATE_REGISTRATION")
