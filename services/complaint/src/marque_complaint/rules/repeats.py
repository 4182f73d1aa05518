"""When something that comes in is the same complaint again, and how alike two cases are. Pure."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tradekit import names

from marque_complaint.rules import learning

WITHIN = timedelta(days=30)
"""So long the same words are the same complaint while it is open."""
NOTED = 10
"""Repeats that the history names; machines that answer each other must not fill it."""
_SAYS_ENOUGH = 100  # characters by which words of nobody and no car are known again
_CAR = 6
SAME_CAR, SAME_PERSON, SAME_COMPONENT, LIKE_WORDS = "SAME_CAR", "SAME_PERSON", "SAME_COMPONENT", "LIKE_WORDS"
_LIKE = 0.3


def print_of(values: Mapping[str, Any]) -> bytes | None:
    """Returns the print of a new case; None where nothing tells it from another person's: no person, no car, and few words."""
    told = (names.fold(names.tidy(str(values.get(name, "")))) for name in ("subject", "description", "remedy_asked"))
    texts = [" ".join(text.split()) for text in told]
    person, car = values.get("customer_id"), str(values.get("vin", ""))
    if person is None and len(car) < _CAR and sum(map(len, texts)) < _SAYS_ENOUGH:
        return None
    parts = (values["kind"], person or "", values.get("dealer_id") or "", car, *texts)
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class Told:
    """What two cases are compared by."""

    vin: str
    customer_id: uuid.UUID | None
    components: frozenset[str]
    words: frozenset[int]

    @classmethod
    def of(cls, row: Any) -> Told:
        """Reads a row of a case, by its columns' names."""
        words = learning.places(f"{row['subject']}\n{row['description']}")
        return cls(row["vin"], row["customer_id"], frozenset(row["components"]), frozenset(int(one) for one in words))


def alike(one: Told, other: Told, family: Iterable[uuid.UUID]) -> tuple[float, list[str]]:
    """Returns how alike two cases are, 0 to 1, and why; (0, []) where nothing says so. `family`: the ids of the first one's person."""
    shared = _shared(one.words, other.words)
    found = {
        SAME_CAR: len(one.vin) >= _CAR and one.vin == other.vin,
        SAME_PERSON: other.customer_id is not None and other.customer_id in set(family),
        SAME_COMPONENT: bool(one.components & other.components),
        LIKE_WORDS: shared >= _LIKE,
    }
    reasons = [name for name, holds in found.items() if holds]
    if not reasons or reasons == [SAME_COMPONENT]:
        return 0.0, []
    unlike = 1.0 - shared
    for name, left in ((SAME_CAR, 0.5), (SAME_PERSON, 0.7), (SAME_COMPONENT, 0.9)):
        unlike *= left if found[name] else 1.0
    return 1.0 - unlike, reasons


def _shared(one: frozenset[int], other: frozenset[int]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0
