"""TLS of the server itself, from the settings."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sluicegate.core.errors import InvalidInput, SluicegateError
from sluicegate.core.findings import Finding
from sluicegate.settings import Settings

if TYPE_CHECKING:
    from sluicegate.web.certificates import ServerCertificate

__all__ = ["server_certificate", "serves_tls", "tls_finding"]

_ENDS_SOON: Final = timedelta(days=14)


def serves_tls(settings: Settings) -> bool:
    """Whether the server of these settings speaks https."""
    return settings.tls_certificate is not None


def server_certificate(settings: Settings) -> "ServerCertificate | None":
    """What the server shows, or None when it speaks plain HTTP.

    Raises:
        InvalidInput: there is one file of the two, one cannot be read, or they do not belong together.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise InvalidInput(
            "TLS needs a certificate and a key.", action="Set SLUICEGATE_TLS_CERTIFICATE and SLUICEGATE_TLS_KEY."
        )
    from sluicegate.web.certificates import ServerCertificate  # most servers stand behind a proxy and need none of it

    return ServerCertificate(certificate, key)


def tls_finding(settings: Settings) -> Finding:
    """How the server of these settings is reached, and whether its certificate is still good."""
    try:
        certificate = server_certificate(settings)
    except SluicegateError as error:
        return Finding("TLS", "the server cannot start", f"{error.detail} {error.action}".strip())
    if certificate is None:
        return Finding("TLS", "none of its own: plain HTTP, for a private network or behind a proxy")
    state, left = f"certificate valid until {certificate.ends:%Y-%m-%d}", certificate.ends - datetime.now(UTC)
    return Finding("TLS", state, "" if left > _ENDS_SOON else "Renew the certificate; the server reads the files anew.")
