"""Tokens of links that work without signing in: some bytes, and a keyed hash of them and of what the token is for.

Nobody can make one, or change one; one that was made for a purpose is none for another. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable

HASH = 22
"""How many characters of the hash stand in a token: 132 bits."""
Digest = Callable[[str, str], str]
# (value, purpose) → hashes as `<key id>:<hash>`, the current key's and those of keys that are being replaced.
Digests = Callable[[str, str], list[str]]


def length(size: int) -> int:
    """Returns how many characters a token of so many bytes has."""
    return _text(size) + HASH


def make(purpose: str, content: bytes, digest: Digest, about: str | None = None) -> str:
    """Returns the token of some bytes; the same again as long as the key stays. `about`: what else it vouches for."""
    body = base64.urlsafe_b64encode(content).decode().rstrip("=")
    return body + _hash(digest(_said(body, about), purpose))


def read(purpose: str, token: str, size: int, digests: Digests, about: str | None = None) -> bytes | None:
    """Returns the bytes of a token, so many; None for one that was not made here, for this, whatever is wrong with it."""
    if len(token) != length(size) or not token.isascii():
        return None
    body, given = token[: _text(size)], token[_text(size) :]
    good = False
    for one in digests(_said(body, about), purpose):
        good |= hmac.compare_digest(_hash(one), given)
    if not good:
        return None
    try:
        return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error:
        return None


def _text(size: int) -> int:
    return -(-size * 4 // 3)


def _said(body: str, about: str | None) -> str:
    return body if about is None else f"{body}\n{about}"


def _hash(digest: str) -> str:
    return digest.partition(":")[2][:HASH]
