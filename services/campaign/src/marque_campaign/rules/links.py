"""The tokens that messages carry: which line of the ledger, and a keyed hash of it, of what the token is for and of what else it says.

Nobody can make one, or change one; one that was made for a picture opens no page. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from collections.abc import Callable

# What a token is for: the page of choices and its one click, a link, a picture, and the id of a mail that may come back.
PAGE, LINK, PICTURE, MAIL = "campaign-page", "campaign-link", "campaign-picture", "campaign-mail"
_TEXT, _HASH = 22, 22  # 22 characters of a hash are 132 bits
LENGTH = _TEXT + _HASH
Digest = Callable[[str, str], str]
# (value, purpose) → hashes as `<key id>:<hash>`, the current key's and those of keys that are being replaced.
Digests = Callable[[str, str], list[str]]


def make(purpose: str, send_id: uuid.UUID, digest: Digest, about: str = "") -> str:
    """Returns the token of a line; the same again as long as the key stays. `about`: what else it vouches for."""
    body = base64.urlsafe_b64encode(send_id.bytes).decode().rstrip("=")
    return body + _hash(digest(f"{body}\n{about}", purpose))


def read(purpose: str, token: str, digests: Digests, about: str = "") -> uuid.UUID | None:
    """Returns the line of a token; None for one that was not made here, for this, whatever is wrong with it."""
    if len(token) != LENGTH or not token.isascii():
        return None
    body, given = token[:_TEXT], token[_TEXT:]
    good = False
    for one in digests(f"{body}\n{about}", purpose):
        good |= hmac.compare_digest(_hash(one), given)
    if not good:
        return None
    try:
        return uuid.UUID(bytes=base64.urlsafe_b64decode(f"{body}=="))
    except (binascii.Error, ValueError):
        return None


def _hash(digest: str) -> str:
    return digest.partition(":")[2][:_HASH]
