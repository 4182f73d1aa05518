"""The tokens of the links by which people register: of the event, of the message that invites, of the registration. Pure."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from servicekit.sealing.tokens import Digest, Digests

from marque_campaign.rules import links

# For anybody; for whom a message was sent to, by its line; for who registered.
EVENT, INVITED, REGISTERED = "event-page", "event-invited", "event-registered"
_KINDS = (EVENT, INVITED, REGISTERED)


@dataclass(frozen=True, slots=True)
class Link:
    """What a token vouches for: the kind, and the id of the event, line or registration."""

    kind: str
    key: uuid.UUID


def path(kind: str, key: uuid.UUID, digest: Digest) -> str:
    """Returns the path of a page."""
    return f"/e/{links.make(kind, key, digest)}"


def token(kind: str, key: uuid.UUID, digest: Digest) -> str:
    """Returns the token of a page; the same again as long as the key stays."""
    return links.make(kind, key, digest)


def read(text: str, digests: Digests) -> Link | None:
    """Returns what a token vouches for; None for one that was not made here."""
    for kind in _KINDS:
        found = links.read(kind, text, digests)
        if found is not None:
            return Link(kind, found)
    return None
