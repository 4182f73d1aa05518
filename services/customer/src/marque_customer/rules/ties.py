"""What may tie two customers, and who lives together. Ends are the customers who stand for those that are named."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from marque_customer.rules.kinds import ORGANISATION, PERSON

HOUSEHOLD, CONTACT, PART_OF, REFERRED_BY = 1, 2, 3, 4
KINDS: Mapping[int, tuple[frozenset[int], frozenset[int]]] = {
    HOUSEHOLD: (frozenset({PERSON}), frozenset({PERSON})),
    CONTACT: (frozenset({PERSON}), frozenset({ORGANISATION})),
    PART_OF: (frozenset({ORGANISATION}), frozenset({ORGANISATION})),
    REFERRED_BY: (frozenset({PERSON, ORGANISATION}), frozenset({PERSON, ORGANISATION})),
}
"""Which kinds of customers a tie may have at its two ends."""
ROLES: Mapping[int, frozenset[int]] = {
    HOUSEHOLD: frozenset({0, 1, 2, 3, 4}),
    CONTACT: frozenset({0, 10, 11, 12, 13, 14, 15}),
    PART_OF: frozenset({0}),
    REFERRED_BY: frozenset({0}),
}
UPWARDS = frozenset({PART_OF, REFERRED_BY})
"""Ties that lead up and never back: an organisation has one whole, a newcomer one who referred them."""
MOST_MEMBERS, MOST_TIES, MOST_STEPS = 50, 1000, 200

Edges = Mapping[uuid.UUID, set[uuid.UUID]]


def together(edges: Edges, first: uuid.UUID) -> list[uuid.UUID]:
    """Returns a customer and all who are tied to it over any number of ties, the nearest first; `edges` name both ways."""
    found = {first: None}
    waiting = [first]
    while waiting:
        fresh = sorted({one for known in waiting for one in edges.get(known, ())} - found.keys())
        found |= dict.fromkeys(fresh)
        waiting = fresh
    return list(found)
