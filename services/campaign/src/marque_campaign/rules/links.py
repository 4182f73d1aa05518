"""The tokens that messages carry: which line of the ledger, and what for; one that was made for a picture opens no page. Pure."""

from __future__ import annotations

import uuid

from servicekit.sealing import tokens
from servicekit.sealing.tokens import Digest, Digests

# What a token is for: the page of choices and its one click, a link, a picture, and the id of a mail that may come back.
PAGE, LINK, PICTURE, MAIL = "campaign-page", "campaign-link", "campaign-picture", "campaign-mail"
_ID = 16
LENGTH = tokens.length(_ID)


def make(purpose: str, send_id: uuid.UUID, digest: Digest, about: str = "") -> str:
    """Returns the token of a line; the same again as long as the key stays. `about`: what else it vouches for."""
    return tokens.make(purpose, send_id.bytes, digest, about)


def read(purpose: str, token: str, digests: Digests, about: str = "") -> uuid.UUID | None:
    """Returns the line of a token; None for one that was not made here, for this, whatever is wrong with it."""
    found = tokens.read(purpose, token, _ID, digests, about)
    return uuid.UUID(bytes=found) if found is not None else None
