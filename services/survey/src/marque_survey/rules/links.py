"""The tokens of links: which invitation, and which sending of it."""

from __future__ import annotations

import uuid

from servicekit.sealing import tokens
from servicekit.sealing.tokens import Digest, Digests

PURPOSE = "survey-link"
_ID, _NUMBER = 16, 2
_SIZE = _ID + _NUMBER
LENGTH = tokens.length(_SIZE)


def make(invitation_id: uuid.UUID, number: int, digest: Digest) -> str:
    """Returns the token of a sending; the same again for the same sending, as long as the key stays."""
    return tokens.make(PURPOSE, invitation_id.bytes + number.to_bytes(_NUMBER, "big"), digest)


def read(token: str, digests: Digests) -> tuple[uuid.UUID, int] | None:
    """Returns the invitation and the number of the sending; None for a token that was not made here, whatever is wrong with it."""
    found = tokens.read(PURPOSE, token, _SIZE, digests)
    return (uuid.UUID(bytes=found[:_ID]), int.from_bytes(found[_ID:], "big")) if found is not None else None
