"""What the consent ledgers of merged customers say together: the stricter of what was said before, the last of what was said since.

Each customer has a ledger of its own, which only grows; merging writes nothing into it. So an answer as known at an instant is worked
out from what stood in the ledgers and which merges stood then, and never changes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from marque_customer.rules.consents import WITHDRAWN


class Edge(NamedTuple):
    """That one customer stood for another from one moment to another; no end while it stands."""

    gone: uuid.UUID
    into: uuid.UUID
    since: datetime
    until: datetime | None

    def stands(self, moment: datetime) -> bool:
        """Tells whether it stood at a moment."""
        return self.since <= moment and (self.until is None or self.until > moment)


def standing(edges: Iterable[Edge], moment: datetime) -> list[Edge]:
    """Returns the merges that stood at a moment, oldest first."""
    return sorted((edge for edge in edges if edge.stands(moment)), key=lambda edge: edge.since)


def root(customer_id: uuid.UUID, edges: Iterable[Edge]) -> uuid.UUID:
    """Returns who stood for a customer, by the merges that stood."""
    into = {edge.gone: edge.into for edge in edges}
    seen = set()
    while customer_id in into and customer_id not in seen:
        seen.add(customer_id)
        customer_id = into[customer_id]
    return customer_id


def family(customer_id: uuid.UUID, edges: Sequence[Edge]) -> list[uuid.UUID]:
    """Returns a customer's survivor and all who stood for it, by the merges that stood; the survivor first."""
    top = root(customer_id, edges)
    return [top, *sorted({edge.gone for edge in edges if root(edge.gone, edges) == top})]


def deciding(entries: Sequence[Any], edges: Sequence[Edge]) -> Any | None:
    """Returns the entry that decides for a family, none where nobody said anything.

    `entries` are of one use, by the family's members, as known then; `edges` the merges that stood then. Told in the order of time: an
    entry decides for all who are one at its moment; when two become one, a withdrawal of either goes before a grant, and of two alike the
    later one is the proof.
    """
    groups: dict[uuid.UUID, list[Any]] = {}  # customer → the box of its group: [entry]

    def box(customer_id: uuid.UUID) -> list[Any]:
        return groups.setdefault(customer_id, [None])

    steps = [(entry.known_time, 1, entry) for entry in entries] + [(edge.since, 0, edge) for edge in edges]
    for _, kind, step in sorted(steps, key=lambda item: item[:2]):
        if kind:
            box(step.customer_id)[0] = step
            continue
        one, other = box(step.into), box(step.gone)
        if one is other:
            continue
        joined = [stricter(one[0], other[0])]
        for customer_id, held in groups.items():
            if held is one or held is other:
                groups[customer_id] = joined
    boxes = list({id(held): held for held in groups.values()}.values())
    decided = None
    for held in boxes:
        decided = stricter(decided, held[0])
    return decided


def stricter(one: Any | None, other: Any | None) -> Any | None:
    """Returns the stricter of two entries; who was never asked says nothing."""
    if one is None or other is None:
        return other if one is None else one
    if (one.action == WITHDRAWN) != (other.action == WITHDRAWN):
        return one if one.action == WITHDRAWN else other
    return max(one, other, key=lambda entry: (entry.known_time, str(entry.consent_entry_id)))
