"""Passkeys: what a browser is asked, and whether what it answers is true (WebAuthn).

Nothing is kept here: challenges, keys and counters come in, verified values go out. The person
must have been verified (fingerprint, PIN) each time; to be present is not enough.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    options_to_json_dict,
    parse_authentication_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from service.people import Account, No, Passkey

_PORTS = {"http": 80, "https": 443}
_MALFORMED = (
    WebAuthnException,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
)
"""What the library raises for bytes of strangers; some of it is not its own."""

REFUSED = No(
    "passkey-refused",
    "The passkey's answer could not be verified.",
    "Try once more; if it stays so, use your password.",
    401,
)


@dataclass(frozen=True)
class Registered:
    """A passkey that an authenticator made: id and key in base64url."""

    id: str
    key: str
    counter: int


@dataclass(frozen=True)
class Claimed:
    """What an answer says of itself; nothing of it is verified."""

    passkey: str
    challenge: str
    account: str | None


class RelyingParty:
    """Pawl as browsers know it by its public URL."""

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url)
        if parts.hostname is None:
            raise ValueError(f"{public_url!r} has no host")
        self.id = parts.hostname
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port
        shown = "" if port in (None, _PORTS.get(parts.scheme)) else f":{port}"
        self.origin = f"{parts.scheme}://{host}{shown}"

    def creation(
        self, account: Account, challenge: bytes, known: Sequence[Passkey]
    ) -> dict[str, Any]:
        """Options for `navigator.credentials.create`."""
        return options_to_json_dict(
            generate_registration_options(
                rp_id=self.id,
                rp_name="Pawl",
                user_id=account.id.encode(),
                user_name=account.login,
                user_display_name=account.name,
                challenge=challenge,
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.REQUIRED,
                    user_verification=UserVerificationRequirement.REQUIRED,
                ),
                exclude_credentials=_named(known),
            )
        )

    def request(self, challenge: bytes, allowed: Sequence[Passkey] = ()) -> dict[str, Any]:
        """Options for `navigator.credentials.get`; without `allowed` any passkey of ours."""
        return options_to_json_dict(
            generate_authentication_options(
                rp_id=self.id,
                challenge=challenge,
                allow_credentials=_named(allowed),
                user_verification=UserVerificationRequirement.REQUIRED,
            )
        )

    def created(self, answer: Mapping[str, Any], challenge: bytes) -> Registered | No:
        """The passkey that `answer` brings, where it was made for `challenge` and for us."""
        try:
            if _cross_origin(answer):
                return REFUSED
            made = verify_registration_response(
                credential=dict(answer),
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            return REFUSED
        return Registered(
            bytes_to_base64url(made.credential_id),
            bytes_to_base64url(made.credential_public_key),
            made.sign_count,
        )

    def asserted(self, answer: Mapping[str, Any], challenge: bytes, passkey: Passkey) -> int | No:
        """The new counter of `passkey`, where it signed `challenge` and the person was verified."""
        try:
            if _cross_origin(answer):
                return REFUSED
            verified = verify_authentication_response(
                credential=dict(answer),
                expected_challenge=challenge,
                expected_rp_id=self.id,
                expected_origin=self.origin,
                credential_public_key=base64url_to_bytes(passkey.key),
                credential_current_sign_count=passkey.counter,
                require_user_verification=True,
            )
        except _MALFORMED:
            return REFUSED
        if bytes_to_base64url(verified.credential_id) != passkey.id:
            return REFUSED
        return verified.new_sign_count


def claimed(answer: Mapping[str, Any]) -> Claimed | No:
    """Which passkey, challenge and account an assertion names."""
    try:
        read = parse_authentication_credential_json(dict(answer))
        handle = read.response.user_handle
        return Claimed(
            bytes_to_base64url(read.raw_id),
            challenge_of(answer),
            None if handle is None else handle.decode(),
        )
    except _MALFORMED:
        return REFUSED


def challenge_of(answer: Mapping[str, Any]) -> str:
    """The challenge that an answer names, "" where it names none."""
    try:
        named = _client_data(answer)["challenge"]
        return bytes_to_base64url(base64url_to_bytes(named))
    except _MALFORMED:
        return ""


def record(answer: Mapping[str, Any], passkey: Passkey) -> dict[str, str]:
    """What goes on record of a verified assertion, all base64url: anybody can check it later."""
    said = answer["response"]
    return {
        "credential": passkey.id,
        "publicKey": passkey.key,
        "clientDataJSON": str(said["clientDataJSON"]),
        "authenticatorData": str(said["authenticatorData"]),
        "signature": str(said["signature"]),
    }


def _client_data(answer: Mapping[str, Any]) -> Any:
    return json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))


def _cross_origin(answer: Mapping[str, Any]) -> bool:
    """Whether the page stood in a frame of somebody else; the library does not look."""
    return bool(_client_data(answer).get("crossOrigin", False))


def _named(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in passkeys]
