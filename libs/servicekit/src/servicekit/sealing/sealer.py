"""Seals values by envelope: each under a data key of its own (AES-256-GCM), which is wrapped under a key of the ring.

A sealed value is: format (1 byte), length and text of the key's id, nonce and wrapped data key, nonce and cipher text. Its place (table,
column, row) is authenticated with both: a cipher text that is moved to another row or column is refused, never read as that row's value.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from servicekit.sealing.keys import KEY_BYTES, Keyring

_FORMAT = b"\x01"
_NONCE, _TAG = 12, 16
_WRAPPED = _NONCE + KEY_BYTES + _TAG
FRAME = 2 + _WRAPPED + _NONCE + _TAG
"""How many bytes a sealed value has beside the value and the id of its key, of which its second byte tells the length."""


class SealBroken(ValueError):
    """What stands there was not sealed for this place, or was changed since. Says nothing of the value."""


class Place(NamedTuple):
    """Where a sealed value stands; `row` is the key of its row as text."""

    table: str
    column: str
    row: str

    @property
    def bound(self) -> bytes:
        """What is authenticated; each part with its length, so that no two places read the same."""
        return b"".join(len(part).to_bytes(4, "big") + part for part in (text.encode() for text in self))


class Sealer:
    """Seals, opens and hashes with the keys of a ring. Safe to share between tasks."""

    def __init__(self, ring: Keyring) -> None:
        self.ring = ring

    def seal(self, value: bytes, place: Place) -> bytes:
        """Returns a value sealed for its place under the current key. Raises SealingKeyMissing."""
        data_key = AESGCM.generate_key(8 * KEY_BYTES)
        # The body stays under its data key when that is wrapped anew, so it is bound to the place alone, not to the key's id.
        return self._wrapped(data_key, place) + _encrypted(data_key, value, _FORMAT + place.bound)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Returns the value that was sealed for a place. Raises SealingKeyMissing, SealBroken."""
        head, wrapped, body = _parts(sealed)
        return _decrypted(self._data_key(head, wrapped, place), body, _FORMAT + place.bound)

    def rewrap(self, sealed: bytes, place: Place) -> bytes:
        """Returns the same sealed value with its data key wrapped under the current key. Raises SealingKeyMissing, SealBroken."""
        head, wrapped, body = _parts(sealed)
        data_key = self._data_key(head, wrapped, place)
        return self._wrapped(data_key, place) + body

    def digest(self, value: str, purpose: str, key_id: str = "") -> str:
        """Returns the keyed hash by which a value is searched for, `<key id>:<hash>`. Raises SealingKeyMissing."""
        chosen = key_id or self.ring.current
        key = self.ring.one(chosen)
        text = len(purpose.encode()).to_bytes(4, "big") + purpose.encode() + value.encode()
        return f"{chosen}:{urlsafe_b64encode(hmac.digest(key.hashing, text, 'sha256')).decode().rstrip('=')}"

    def digests(self, value: str, purpose: str) -> list[str]:
        """Returns the hashes of a value under every key of the ring: while keys rotate, rows stand under the old one too."""
        return [self.digest(value, purpose, key_id) for key_id in self.ring.keys]

    def mark(self, content: bytes) -> bytes:
        """Returns a digest of a request that cannot be guessed back from the database; of a service without keys the plain one.

        It is made with the oldest key, so that adding one changes no mark of a request that may be repeated.
        """
        oldest = min(self.ring.keys, default="")
        if not oldest:
            return hashlib.sha256(content).digest()
        return hmac.digest(self.ring.keys[oldest].hashing, b"request" + content, "sha256")

    def _wrapped(self, data_key: bytes, place: Place) -> bytes:
        head = prefix_of(self.ring.current)
        return head + _encrypted(self.ring.one(self.ring.current).wrapping, data_key, head + place.bound)

    def _data_key(self, head: bytes, wrapped: bytes, place: Place) -> bytes:
        return _decrypted(self.ring.one(_key_id(head)).wrapping, wrapped, head + place.bound)


def prefix_of(key_id: str) -> bytes:
    """Returns the bytes with which everything begins that a key has sealed."""
    name = key_id.encode()
    return _FORMAT + len(name).to_bytes(1, "big") + name


def key_id_of(sealed: bytes) -> str:
    """Returns the id of the key under which a value is sealed. Raises SealBroken."""
    return _key_id(_parts(sealed)[0])


def _key_id(head: bytes) -> str:
    return head[2:].decode("ascii", "replace")


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    if len(sealed) < 2 or sealed[:1] != _FORMAT:
        raise SealBroken("this is no sealed value")
    at = 2 + sealed[1]
    if len(sealed) < at + _WRAPPED + _NONCE + _TAG:
        raise SealBroken("a sealed value was cut off")
    return sealed[:at], sealed[at : at + _WRAPPED], sealed[at + _WRAPPED :]


def _encrypted(key: bytes, value: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, value, bound)


def _decrypted(key: bytes, value: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(value[:_NONCE], value[_NONCE:], bound)
    except InvalidTag:
        raise SealBroken("this was not sealed for this place, or was changed since") from None
