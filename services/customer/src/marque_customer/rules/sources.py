"""Whose system a name of a customer comes from, and who says something of them."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from servicekit.errors import InvalidArgument
from servicekit.rpc.principal import Principal

from marque_customer.rules import survivorship

MAKER = uuid.UUID(int=0)  # the owner of references to the maker's own systems


def owner_of(principal: Principal, dealer_id: uuid.UUID | None = None) -> uuid.UUID:
    """Returns the owner of the references that a caller writes: the maker, or the dealer that is named or the only one of the caller.

    Raises:
        InvalidArgument: the caller works for several dealers, or for none, so that nobody knows whose system is meant.
    """
    if principal.sees_all_rows:
        return MAKER
    if dealer_id is not None:
        return dealer_id
    if len(principal.dealers) == 1:
        return uuid.UUID(next(iter(principal.dealers)))
    raise InvalidArgument.of(
        "source_references", "DEALER_AMBIGUOUS", "Write references with the token of the one dealer whose system it is."
    )


class Speaker(NamedTuple):
    """Who says something: the rank of the word, the source's name, whose it is, the customer's key there (none for people), the subject."""

    origin: int
    source: str
    owner: uuid.UUID
    source_key: str
    subject: str

    @property
    def key(self) -> tuple[str, uuid.UUID, str]:
        """What the record of this source is found by."""
        return self.source, self.owner, self.source_key


# The first role that a caller has decides; others work for the maker.
_BY_ROLE = (
    ("owner", survivorship.CUSTOMER, "customer"),
    ("service", survivorship.PLATFORM, "platform"),
    ("dealer.system", survivorship.DEALER_SYSTEM, "dealer-system"),
    ("oem.agent", survivorship.MAKER_STAFF, "contact-centre"),
)


def speaker_of(
    principal: Principal, dealer_id: uuid.UUID | None = None, reference: tuple[str, str] | None = None
) -> Speaker:
    """Returns who a caller is as a source; a system that gives the customer's key in it (source, key) is named by that."""
    origin, source = survivorship.MAKER_STAFF, "maker"
    for role, rank, name in _BY_ROLE:
        if role in principal.roles:
            origin, source = rank, name
            break
    else:
        if principal.is_dealer:
            origin, source = survivorship.DEALER_STAFF, "dealer-desk"
    if dealer_id is None and len(principal.dealers) == 1:
        dealer_id = uuid.UUID(next(iter(principal.dealers)))
    owner = dealer_id if principal.is_dealer and dealer_id is not None else MAKER
    if reference is not None and origin in (survivorship.PLATFORM, survivorship.DEALER_SYSTEM):
        return Speaker(origin, reference[0], owner, reference[1], principal.subject)
    return Speaker(origin, source, owner, "", principal.subject)
