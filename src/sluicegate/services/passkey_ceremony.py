"""What is asked of a device that holds a passkey, and whether its answer is right (WebAuthn level 3, section 7).

A challenge proves itself: it carries when it ends, and a keyed fingerprint of that, of what it is for, of the pages
that asked, and of the session or visitor that asked. So nothing is kept for whoever only asks; a challenge that was
answered rightly is marked, and is good for nothing else.

The library that reads devices is loaded by the first passkey: six megabytes, which a server without passkeys saves.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hmac import compare_digest
from typing import Any, Final

from sluicegate.core.errors import Unauthenticated
from sluicegate.core.passkeys import Passkey, RelyingParty
from sluicegate.core.ports import Clock, Vault
from sluicegate.core.users import User

__all__ = ["Ceremony", "NewPasskey", "PasskeyCeremonies", "Proof"]

_VALID: Final = timedelta(minutes=5)
_MILLISECONDS: Final = int(_VALID.total_seconds() * 1000)
_NONCE: Final = 16
_EXPIRY: Final = 8
_CHALLENGE: Final = _NONCE + _EXPIRY + 32
_ANSWER_MAX: Final = 16 * 1024
_NAME: Final = "Sluicegate"
_WRONG: Final = "This passkey was not accepted."
_AGAIN: Final = "Try again, or sign in with your password."


class Ceremony(StrEnum):
    """What a challenge is for."""

    REGISTER = "register"
    SIGN_IN = "sign in"


@dataclass(frozen=True, slots=True)
class Proof:
    """A right answer.

    Attributes:
        mark: of its challenge, which must not be answered again before ``expires_at``.
        sign_count: what the device says.
    """

    mark: bytes = field(repr=False)
    expires_at: datetime
    sign_count: int


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """What a device has made, and the proof of it."""

    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    proof: Proof


class PasskeyCeremonies:
    """Asks and verifies; keeps nothing."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def registration(self, user: User, party: RelyingParty, known: list[Passkey], bound_to: str) -> dict[str, Any]:
        """What ``navigator.credentials.create`` is called with, as JSON; ``known`` devices make no second one."""
        from webauthn import generate_registration_options
        from webauthn.helpers import options_to_json_dict, structs

        options = generate_registration_options(
            rp_id=party.host,
            rp_name=_NAME,
            user_id=user.id.bytes,
            user_name=user.name,
            challenge=self._challenge(Ceremony.REGISTER, party, bound_to),
            timeout=_MILLISECONDS,
            attestation=structs.AttestationConveyancePreference.NONE,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=one.credential_id) for one in known],
        )
        return options_to_json_dict(options)

    def sign_in(self, party: RelyingParty, bound_to: str) -> dict[str, Any]:
        """What ``navigator.credentials.get`` is called with, as JSON; the device knows whose passkeys it has."""
        from webauthn import generate_authentication_options
        from webauthn.helpers import options_to_json_dict, structs

        options = generate_authentication_options(
            rp_id=party.host,
            challenge=self._challenge(Ceremony.SIGN_IN, party, bound_to),
            timeout=_MILLISECONDS,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        return options_to_json_dict(options)

    def made(self, answer: str, party: RelyingParty, bound_to: str) -> NewPasskey:
        """The passkey that a device has made. Raises Unauthenticated."""
        from webauthn import verify_registration_response
        from webauthn.helpers import parse_client_data_json, parse_registration_credential_json

        with _judged("Try again."):
            credential = parse_registration_credential_json(_bounded(answer))
            challenge = parse_client_data_json(credential.response.client_data_json).challenge
            ends = self._ends(challenge, Ceremony.REGISTER, party, bound_to)
            found = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
                require_user_verification=True,
            )
        proof = Proof(challenge[:_NONCE], ends, found.sign_count)
        return NewPasskey(found.credential_id, found.credential_public_key, proof)

    def claimed(self, answer: str) -> bytes:
        """Which passkey an answer says it is of. Raises Unauthenticated."""
        from webauthn.helpers import parse_authentication_credential_json

        with _judged(_AGAIN):
            return parse_authentication_credential_json(_bounded(answer)).raw_id

    def proven(self, answer: str, passkey: Passkey, party: RelyingParty, bound_to: str) -> Proof:
        """That the owner of a passkey has answered. Raises Unauthenticated."""
        from webauthn import verify_authentication_response
        from webauthn.helpers import parse_authentication_credential_json, parse_client_data_json

        with _judged(_AGAIN):
            credential = parse_authentication_credential_json(_bounded(answer))
            challenge = parse_client_data_json(credential.response.client_data_json).challenge
            ends = self._ends(challenge, Ceremony.SIGN_IN, party, bound_to)
            found = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=party.host,
                expected_origin=party.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        if credential.response.user_handle != passkey.user_id.bytes:
            raise Unauthenticated(_WRONG, action=_AGAIN)
        return Proof(challenge[:_NONCE], ends, found.new_sign_count)

    def _challenge(self, ceremony: Ceremony, party: RelyingParty, bound_to: str) -> bytes:
        ends = int((self._clock.now() + _VALID).timestamp())
        head = secrets.token_bytes(_NONCE) + ends.to_bytes(_EXPIRY, "big")
        return head + self._seal(head, ceremony, party, bound_to)

    def _seal(self, head: bytes, ceremony: Ceremony, party: RelyingParty, bound_to: str) -> bytes:
        return self._vault.fingerprint(f"challenge {ceremony} {party.origin} {bound_to} {head.hex()}")

    def _ends(self, challenge: bytes, ceremony: Ceremony, party: RelyingParty, bound_to: str) -> datetime:
        """When a challenge of ours ends. Raises Unauthenticated when it is not, or has ended."""
        head = challenge[: _NONCE + _EXPIRY]
        ours = compare_digest(challenge[len(head) :], self._seal(head, ceremony, party, bound_to))
        if len(challenge) != _CHALLENGE or not ours:
            raise Unauthenticated(_WRONG, action=_AGAIN)
        ends = datetime.fromtimestamp(int.from_bytes(head[_NONCE:], "big"), UTC)
        if ends <= self._clock.now():
            raise Unauthenticated("This took too long.", action=_AGAIN)
        return ends


@contextmanager
def _judged(action: str) -> Iterator[None]:
    """Turns whatever comes of reading an answer into one refusal; what refuses in its own words stays."""
    try:
        yield
    except Unauthenticated:
        raise
    except Exception as cause:  # the parsers of foreign bytes raise whatever those cause
        raise Unauthenticated(_WRONG, action=action) from cause


def _bounded(answer: str) -> str:
    if not answer or len(answer) > _ANSWER_MAX:
        raise Unauthenticated(_WRONG, action=_AGAIN)
    return answer
