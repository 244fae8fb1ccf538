"""An authenticator in software: makes ES256 keys and signs, as a browser would hand it on.

Every lie that a test needs is one named argument.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor

_PRESENT, _VERIFIED, _KEY_INCLUDED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey, and the browser before it."""

    def __init__(self, *, origin: str = "http://localhost:8080", party: str = "localhost") -> None:
        self.origin, self.party = origin, party
        self.counter = 0
        self.id = secrets.token_bytes(16)
        self.handle = ""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(
        self, options: Mapping[str, Any], *, verified: bool = True, cross_origin: bool = False
    ) -> dict[str, Any]:
        """The answer to `navigator.credentials.create`."""
        self.handle = options["user"]["id"]
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self._cose()
        data = self._data(verified, _KEY_INCLUDED) + attested
        client = self._client("webauthn.create", options["challenge"], cross_origin)
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(
            {"clientDataJSON": client, "attestationObject": attestation}, handle=None
        )

    def get(
        self,
        options: Mapping[str, Any],
        *,
        verified: bool = True,
        cross_origin: bool = False,
        challenge: str = "",
        handle: str | None = "",
        ident: bytes = b"",
    ) -> dict[str, Any]:
        """The answer to `navigator.credentials.get`."""
        self.counter += 1
        data = self._data(verified)
        client = self._client("webauthn.get", challenge or options["challenge"], cross_origin)
        signed = data + hashlib.sha256(client).digest()
        signature = self._key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {"clientDataJSON": client, "authenticatorData": data, "signature": signature},
            handle=self.handle if handle == "" else handle,
            ident=ident,
        )

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._key.public_key()

    def _answer(
        self, response: Mapping[str, bytes], *, handle: str | None, ident: bytes = b""
    ) -> dict[str, Any]:
        encoded: dict[str, Any] = {
            name: bytes_to_base64url(value) for name, value in response.items()
        }
        if handle is not None:
            encoded["userHandle"] = handle
        named = bytes_to_base64url(ident or self.id)
        return {"id": named, "rawId": named, "type": "public-key", "response": encoded}

    def _client(self, kind: str, challenge: str, cross_origin: bool) -> bytes:
        said = {
            "type": kind,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": cross_origin,
        }
        return json.dumps(said).encode()

    def _data(self, verified: bool, more: int = 0) -> bytes:
        flags = _PRESENT | (_VERIFIED if verified else 0) | more
        party = hashlib.sha256(self.party.encode()).digest()
        return party + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _cose(self) -> bytes:
        point = self.public_key().public_numbers()
        return encode_cbor(
            {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        )


def decoded(text: str) -> bytes:
    return base64url_to_bytes(text)
