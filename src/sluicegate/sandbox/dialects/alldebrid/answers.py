"""AllDebrid's envelopes: ``status`` with ``data`` or ``error``, nearly always at HTTP 200."""

from typing import Any, Final

from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["problem", "refusal", "refuse", "success"]

_MESSAGES: Final = {
    "404": "This endpoint does not exist.",
    "GENERIC": "Something went wrong.",
    "DISCONTINUED": "This endpoint was retired, see the change log.",
    "AUTH_MISSING_APIKEY": "No API key was sent.",
    "AUTH_BAD_APIKEY": "The API key is not valid.",
    "AUTH_BLOCKED": "This API key is used from a new place; confirm it by e-mail.",
    "AUTH_USER_BANNED": "This account is banned.",
    "ALREADY_SENT": "The e-mail was sent already.",
    "NO_SERVER": "Servers and VPNs may not use this.",
    "MAGNET_NO_SERVER": "Servers and VPNs may not use magnets.",
    "LINK_IS_MISSING": "No link was given.",
    "BAD_LINK": "The link is malformed.",
    "LINK_HOST_NOT_SUPPORTED": "This host is not supported.",
    "LINK_DOWN": "The file is gone.",
    "LINK_HOST_UNAVAILABLE": "The host is down.",
    "LINK_HOST_LIMIT_REACHED": "The daily limit of this host is used up.",
    "LINK_TOO_MANY_DOWNLOADS": "Too many parallel downloads on this host.",
    "LINK_ERROR": "The link can not be unlocked.",
    "REDIRECTOR_NOT_SUPPORTED": "This redirector is not supported.",
    "STREAM_INVALID_GEN_ID": "The unlock id is unknown.",
    "STREAM_INVALID_STREAM_ID": "The stream id is unknown.",
    "DELAYED_INVALID_ID": "The delayed id is unknown.",
    "MUST_BE_PREMIUM": "A paid plan is needed.",
    "MAGNET_INVALID_ID": "This magnet id is unknown.",
    "MAGNET_INVALID_URI": "This is no magnet.",
    "MAGNET_INVALID_FILE": "This is no torrent file.",
    "MAGNET_NO_URI": "No magnet was given.",
    "MAGNET_PROCESSING": "The magnet is processing or done.",
    "MAGNET_TOO_MANY_ACTIVE": "More than 30 magnets are active.",
    "MAGNET_TOO_MANY": "More than 1000 magnets are kept.",
    "MAGNET_MUST_BE_PREMIUM": "A paid plan is needed for magnets.",
    "MAGNET_PROCESSING_FAILED": "The magnet can not be processed.",
    "MAGNET_LINKS_REMOVED": "The files were removed from storage.",
    "PIN_ALREADY_AUTHED": "A key came along with the PIN call.",
    "PIN_EXPIRED": "The PIN is over.",
    "PIN_INVALID": "The PIN is unknown.",
    "USER_LINK_MISSING": "No link was given.",
    "USER_LINK_INVALID": "This link can not be saved.",
    "MISSING_NOTIF_ENDPOINT": "No notification code was given.",
}


def success(data: dict[str, Any]) -> Answer:
    """What went well."""
    return Answer.json({"status": "success", "data": data})


def problem(code: str) -> dict[str, str]:
    """The ``error`` object, for the whole call or for one item of a batch."""
    return {"code": code, "message": _MESSAGES[code]}


def refusal(code: str, status: int = 200, **more: str) -> Answer:
    """An error for the whole call; since November 2023 with status 200 unless said otherwise."""
    return Answer.json({"status": "error", "error": {**problem(code), **more}}, status)


def refuse(code: str) -> Refused:
    """The same, to be raised from a handler."""
    return Refused(refusal(code))
