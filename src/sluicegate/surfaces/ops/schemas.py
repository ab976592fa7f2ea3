"""Wire shapes of the operators' routes."""

import msgspec

__all__ = ["AliveBody", "ErrorBody", "ReadyBody"]


class AliveBody(msgspec.Struct):
    """Answer of ``/healthz``: the process answers, whatever else is wrong."""

    status: str = "ok"


class ReadyBody(msgspec.Struct):
    """Answer of ``/readyz``.

    Attributes:
        status: ``ready``, or ``not ready`` together with status 503.
        checks: for each part ``ok``, or in words what is not ready.
    """

    status: str
    checks: dict[str, str]


class ErrorBody(msgspec.Struct):
    """Every answer that is not a success, but for ``/readyz``."""

    error: str
