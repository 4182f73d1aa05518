"""What a profile must hold, what is missing of it, and what one customer counts in the reports: pure functions over field numbers."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from marque_customer.rules.kinds import ORGANISATION, PERSON
from marque_customer.rules.sources import MAKER

WHOLE = 0  # the field under which whole profiles are counted
ANY_STAGE = 0
NAME, ORGANISATION_NAME, REACHABLE, PHONE_FIELD, VERIFIED_PHONE, EMAIL_FIELD, ADDRESS, BIRTH_DATE = range(1, 9)
GENDER, LANGUAGE, PREFERRED_CHANNEL, TIME_ZONE, OCCUPATION, INCOME_BAND, INTERESTS, INDUSTRY = range(9, 17)
# What only the other kind of customer has.
FOREIGN = {
    PERSON: frozenset({ORGANISATION_NAME, INDUSTRY}),
    ORGANISATION: frozenset({NAME, BIRTH_DATE, GENDER, OCCUPATION, INCOME_BAND}),
}


def required(rules: Mapping[str, Any], kind: int, stage: int) -> frozenset[int]:
    """Returns what must be known of a customer of a kind at a stage, by the rules as they are stored (`mapping.completeness`)."""
    return frozenset(
        number
        for one in rules["requirements"]
        if one["kind"] == kind and one["stage"] in (ANY_STAGE, stage)
        for number in one["fields"]
    )


class Place(NamedTuple):
    """Where a customer counts: at a dealer (`MAKER`: among all customers, once) under a clerk, none where nobody is known."""

    dealer_id: uuid.UUID
    staff_id: uuid.UUID


NOBODY = MAKER  # the id of no clerk
EVERYBODY = MAKER  # the dealer under which each customer counts once


@dataclass(frozen=True, slots=True)
class Mark:
    """What a customer counts as: what is asked of it, what of that is missing, who told of it first, where it counts."""

    kind: int
    stage: int
    source: str
    asked: frozenset[int]
    missing: frozenset[int]
    places: tuple[Place, ...]


class Cell(NamedTuple):
    """One cell of the counts."""

    dealer_id: uuid.UUID
    staff_id: uuid.UUID
    source: str
    kind: int
    stage: int
    field: int


def counted(mark: Mark | None, sign: int) -> Iterable[tuple[Cell, int, int]]:
    """Yields what a customer adds to the counts (or takes from them, by `sign`): the cell, how many it is asked of, how many lack it.

    In the cell of the whole profile every customer is asked, and lacks it where anything is missing.
    """
    if mark is None:
        return
    for place in mark.places:
        yield Cell(*place, mark.source, mark.kind, mark.stage, WHOLE), sign, sign * bool(mark.missing)
        for field in mark.asked:
            cell = Cell(*place, mark.source, mark.kind, mark.stage, field)
            yield cell, sign, sign * (field in mark.missing)


def changes(pairs: Iterable[tuple[Mark | None, Mark | None]]) -> list[tuple[Cell, int, int]]:
    """Returns by how much the counts differ when customers that counted as the first of each pair count as the second; in the order of
    the cells, so that two who write them never wait for each other in a circle."""
    asked: Counter[Cell] = Counter()
    missing: Counter[Cell] = Counter()
    for before, after in pairs:
        if before == after:
            continue
        for cell, all_of_it, lacking in (*counted(before, -1), *counted(after, 1)):
            asked[cell] += all_of_it
            missing[cell] += lacking
    return [(cell, asked[cell], missing[cell]) for cell in sorted(asked) if asked[cell] or missing[cell]]


def places_of(dealers: Sequence[uuid.UUID], clerks: Mapping[uuid.UUID, uuid.UUID]) -> tuple[Place, ...]:
    """Returns where a customer counts, by its dealers and the clerk at each (under `EVERYBODY` the maker's)."""
    return tuple(Place(one, clerks.get(one, NOBODY)) for one in (EVERYBODY, *sorted(set(dealers) - {EVERYBODY})))
