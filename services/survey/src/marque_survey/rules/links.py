"""The tokens of links: which invitation, which sending of it, and a keyed hash of both. Nobody can make one, or change one."""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from collections.abc import Callable

PURPOSE = "survey-link"
_ID, _NUMBER, _HASH = 16, 2, 22  # the first 22 characters of a hash are 132 bits
_TEXT = 24  # characters of id and number in base64
LENGTH = _TEXT + _HASH
# (value, purpose) → hashes as `<key id>:<hash>`, the current key's and those of keys that are being replaced.
Digests = Callable[[str, str], list[str]]


def make(invitation_id: uuid.UUID, number: int, digest: Callable[[str, str], str]) -> str:
    """Returns the token of a sending; the same again for the same sending, as long as the key stays."""
    body = base64.urlsafe_b64encode(invitation_id.bytes + number.to_bytes(_NUMBER, "big")).decode()
    return body + _hash(digest(body, PURPOSE))


def read(token: str, digests: Digests) -> tuple[uuid.UUID, int] | None:
    """Returns the invitation and the number of the sending; None for a token that was not made here, whatever is wrong with it."""
    if len(token) != LENGTH or not token.isascii():
        return None
    body, given = token[:_TEXT], token[_TEXT:]
    good = False
    for one in digests(body, PURPOSE):
        good |= hmac.compare_digest(_hash(one), given)
    if not good:
        return None
    try:
        found = base64.urlsafe_b64decode(body)
    except binascii.Error:
        return None
    return uuid.UUID(bytes=found[:_ID]), int.from_bytes(found[_ID:], "big")


def _hash(digest: str) -> str:
    return digest.partition(":")[2][:_HASH]
