"""Rows of files about people on lists: what each one says, and what follows from all of them in their order."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, RowOutcome
from servicekit.errors import FieldViolation
from tradekit import vin

MOST_MEMBERS = 5_000_000
CUSTOMER, SOURCE_KEY, VIN, PHONE, EMAIL = NAMES = ("customer_id", "customer_source_key", "vin", "phone", "email")
_ACTIONS = {"": True, "add": True, "remove": False}
_NO_REMOVE = FieldViolation(
    "action", "ACTION_NOT_ALLOWED", "A file that replaces a list names who stays. Leave the others out."
)
BEING_REPLACED = FieldViolation(
    "audience_list_id", "AUDIENCE_LIST_BEING_REPLACED", "Another import replaces this list. Wait for its end."
)
NO_LIST = FieldViolation("audience_list_id", "AUDIENCE_LIST_NOT_FOUND", "There is no such list, or you may not see it.")
_FULL = FieldViolation(
    "audience_list_id", "AUDIENCE_LIST_FULL", f"The list would hold more than {MOST_MEMBERS} people."
)
_NOBODY = "There is no such customer, or you may not see them."
_SEVERAL = "Several people are known by this. Name the one by customer_id."
_NO_CONTACT = "This is no phone number or e-mail address."


class Origin(NamedTuple):
    """Through whom somebody comes on a list, and by which import of a file; `replaces`: it makes the list anew."""

    added_by: str = ""
    import_id: uuid.UUID | None = None
    replaces: bool = False


class Named(NamedTuple):
    """Whom a row of a file that replaces a list names: the ids under which they stand on it now."""

    list_id: uuid.UUID
    ids: tuple[uuid.UUID, ...]


class Name(NamedTuple):
    """What a row calls a person by: the field, and the text as the owner of such names is asked for it."""

    field: str
    text: str


class Found(NamedTuple):
    """Who is meant by a name: the id that it stands for → who that is now. Malformed: it is no such name at all."""

    people: Mapping[uuid.UUID, uuid.UUID]
    malformed: bool = False


@dataclass(slots=True)
class Reading:
    """A row as it was read: its list, the name of the person, whether they come or go; who they are, or what is wrong with the row."""

    row: int
    list_id: uuid.UUID
    name: Name | None = None
    comes: bool = True
    person: uuid.UUID | None = None
    asked: uuid.UUID | None = None
    violations: list[FieldViolation] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What the row is known by: never a number, an address or a car, which would be kept with a row that is refused."""
        known = self.name is not None and self.name.field == CUSTOMER
        return f"{self.list_id}/{self.name.text}" if known and self.name else str(self.list_id)

    def outcome(self, outcome: int) -> RowOutcome:
        """What became of the row."""
        return RowOutcome(self.row, self.key, outcome, tuple(self.violations))

    def is_for(self, found: Found) -> None:
        """Takes who is meant by the name."""
        assert self.name is not None
        people = set(found.people.values())
        if found.malformed:
            self.violations.append(FieldViolation(self.name.field, "CONTACT_POINT_INVALID", _NO_CONTACT))
        elif not people:
            self.violations.append(FieldViolation(self.name.field, "CUSTOMER_NOT_FOUND", _NOBODY))
        elif len(people) > 1:
            self.violations.append(FieldViolation(self.name.field, "CUSTOMER_AMBIGUOUS", _SEVERAL))
        else:
            self.asked, self.person = next(iter(found.people.items()))

    def is_gone(self) -> None:
        """Finds the person erased since."""
        assert self.name is not None
        self.violations.append(FieldViolation(self.name.field, "CUSTOMER_NOT_FOUND", _NOBODY))


def read(row: Any, *, replaces: bool = False) -> Reading:
    """Reads a row that keeps the rules of the contract; `replaces`: of a file that says who stands on its lists."""
    found = Reading(row.row, uuid.UUID(row.audience_list_id))
    comes = _ACTIONS.get(row.action.strip().casefold())
    if comes is None:
        found.violations.append(FieldViolation("action", "WORD_UNKNOWN", "Write add or remove."))
    elif replaces and not comes:
        found.violations.append(_NO_REMOVE)
    found.comes = bool(comes)
    named = [Name(name, text) for name in NAMES if (text := getattr(row, name).strip())]
    if not named:
        text = f"Name the person by one of {', '.join(NAMES)}."
        found.violations.append(FieldViolation(CUSTOMER, "PERSON_MISSING", text))
    elif len(named) > 1:
        text = "Name the person once: each of these columns may mean another one."
        found.violations.append(FieldViolation(named[1].field, "PERSON_NAMED_TWICE", text))
    else:
        found.name = _plain(named[0], found.violations)
    return found


def _plain(name: Name, violations: list[FieldViolation]) -> Name:
    """The name as its owner writes it, as far as that is known here."""
    if name.field == CUSTOMER:
        return Name(CUSTOMER, str(uuid.UUID(name.text)))
    if name.field == VIN:
        try:
            return Name(VIN, vin.normalise(name.text))
        except vin.VinError as error:
            violations.append(FieldViolation(VIN, "VIN_INVALID", str(error)))
    return name


class Change(NamedTuple):
    """What rows make of a list: who comes, the ids that go, and what became of each row."""

    added: list[uuid.UUID]
    removed: list[uuid.UUID]
    outcomes: list[RowOutcome]


def follow(readings: Sequence[Reading], known: Mapping[uuid.UUID, Iterable[uuid.UUID]], room: int) -> Change:
    """Follows good rows of one list in their order. `known`: who stands on it, under which ids; `room`: how many more it can hold."""
    now = dict.fromkeys(known, True)
    outcomes = []
    for one in readings:
        assert one.person is not None
        there = now.get(one.person, False)
        ids = len(list(known.get(one.person, ()))) or 1
        if there == one.comes:
            outcomes.append(one.outcome(UNCHANGED))
        elif not one.comes:
            now[one.person] = False
            room += ids
            outcomes.append(one.outcome(UPDATED))
        elif room < ids:
            one.violations.append(_FULL)
            outcomes.append(one.outcome(REJECTED))
        else:
            now[one.person] = True
            room -= ids
            outcomes.append(one.outcome(CREATED))
    added = sorted(person for person, there in now.items() if there and person not in known)
    removed = sorted(one for person, ids in known.items() if not now[person] for one in ids)
    return Change(added, removed, outcomes)
