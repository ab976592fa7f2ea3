"""What is set about mails and registration: read, or refused with what to do."""

from pathlib import Path

import pytest

from sluicegate.core.errors import InvalidInput
from sluicegate.core.registration import RegistrationSums
from sluicegate.net.mail import MailSecurity
from sluicegate.settings import Settings
from sluicegate.wiring.mail import _stuck, mail_findings, mail_server, registration_rules

SET = {"smtp_host": "mail.example.org", "smtp_sender": "noreply@example.org"}


def settings(**given: object) -> Settings:
    return Settings.load(data_dir=Path("/nonexistent"), **given)


def test_nobody_registers_unless_it_is_said():
    """T60."""
    assert not registration_rules(settings()).open
    assert not registration_rules(settings(registration="closed")).open
    anybody = registration_rules(settings(registration="open"))
    assert (anybody.open, anybody.domains) == (True, frozenset())
    some = registration_rules(settings(registration="Example.org, bücher.example", pool_user="pool"))
    assert (some.open, some.domains) == (True, {"example.org", "xn--bcher-kva.example"})
    assert some.reserved == {"home", "pool"}, "names with a meaning are nobody's to take"


@pytest.mark.parametrize("said", ["opne", "yes", "true", "example.org,*", "@example.org", "all"])
def test_a_slip_opens_nothing(said: str):
    with pytest.raises(InvalidInput) as refused:
        registration_rules(settings(registration=said))
    assert refused.value.field == "SLUICEGATE_REGISTRATION"


def test_a_mail_server_is_read():
    assert mail_server(settings()) is None
    server = mail_server(
        settings(**SET, smtp_user="me", smtp_password="word", public_url="https://sluice.example:8443")
    )
    assert server is not None
    assert (server.host, server.port, server.security) == ("mail.example.org", 587, MailSecurity.STARTTLS)
    assert server.greeting == "sluice.example"
    assert "word" not in repr(server)
    for unnamed in ("http://192.168.1.5:8787", "http://[fd00::1]:8787", "http://nas:8787", "http://bücher.example"):
        assert mail_server(settings(**SET, public_url=unnamed)).greeting == "localhost"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"smtp_sender": ""}, "no e-mail address"),
        ({"smtp_sender": "Sluice <noreply@example.org>"}, "no e-mail address"),
        ({"smtp_user": "me"}, "go together"),
        ({"smtp_password": "word"}, "go together"),
        ({"smtp_security": "none"}, "to this machine only"),
        ({"smtp_security": "none", "smtp_host": "192.168.1.5"}, "to this machine only"),
    ],
)
def test_what_does_not_fit_together_is_told(wrong: dict[str, str], words: str):
    found = settings(**SET | wrong)
    with pytest.raises(InvalidInput, match=words):
        mail_server(found)
    (finding,) = mail_findings(found)
    assert words in finding.advice
    assert "word" not in finding.advice.split()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_this_machine_no_encryption_is_needed(host: str):
    assert mail_server(settings(**SET | {"smtp_host": host, "smtp_security": "none"}))


def test_doctor_says_what_is_missing_and_what_waits():
    assert "SLUICEGATE_SMTP_HOST" in mail_findings(settings(registration="open"))[0].advice
    assert "SLUICEGATE_PUBLIC_URL" in mail_findings(settings(**SET, registration="open"))[0].advice
    assert not mail_findings(settings(**SET, registration="open", public_url="https://a.example"))[0].advice
    assert not mail_findings(settings())[0].advice
    assert not _stuck(RegistrationSums(5, 0, 0, "", None))
    given_up = _stuck(RegistrationSums(5, 0, 2, "It broke.", None))
    assert given_up == "Mails given up: 2. It broke. Try it: sluicegate mail test ADDRESS"
