"""Customers as an import handles them: plain values with the columns' names, so that card and search document are built as ever."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson
from servicekit.ids import new_uuid

from marque_customer.mapping.customers import card
from marque_customer.mapping.rows import ReadRow
from marque_customer.repository.imports import CUSTOMER_COLUMNS, POINT_COLUMNS
from marque_customer.rules import documents
from marque_customer.usecases.contact_points import MOST

_FIELD_OF = dict.fromkeys(("family_name", "given_name", "full_name", "latin_name"), "name")


@dataclass(slots=True)
class Point:
    """A contact point, in the order of its table's columns."""

    contact_point_id: uuid.UUID
    customer_id: uuid.UUID
    kind: int
    value: str
    match_key: str
    provider: str
    label: str
    is_primary: bool
    source: str
    verify_time: datetime | None
    verification_method: int
    shared: bool
    create_time: datetime
    unreachable_time: datetime | None = None
    unreachable_reason: str = ""
    unreachable_source: str = ""

    @property
    def record(self) -> tuple[Any, ...]:
        """The row; that nothing arrives there is no import's to say, so it is not in it."""
        return _point_record(self)


@dataclass(slots=True)
class Reference:
    """The name that a source has for a customer."""

    source: str
    source_key: str
    last_seen_time: datetime


@dataclass(slots=True)
class Draft:
    """A customer with its parts; the dealers in `shown_to` see it already."""

    customer_id: uuid.UUID
    kind: int
    create_time: datetime
    status_time: datetime
    update_time: datetime | None = None
    version: int = 0
    status: int = 1
    merged_into: uuid.UUID | None = None
    family_name: str = ""
    given_name: str = ""
    full_name: str = ""
    latin_name: str = ""
    organisation_name: str = ""
    birth_date: int = 0
    gender: int = 0
    language: str = ""
    preferred_channel: int = 0
    time_zone: str = ""
    occupation: str = ""
    income_band: str = ""
    industry: str = ""
    interests: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    addresses: list[dict[str, Any]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    vins: list[str] = field(default_factory=list)
    plates: list[str] = field(default_factory=list)
    dealers: list[uuid.UUID] = field(default_factory=list)
    shown_to: set[uuid.UUID] = field(default_factory=set)

    @classmethod
    def known(cls, record: Any) -> Draft:
        """Returns the customer of a row of the table."""
        values = {name: record[name] for name in _LOADED}
        values["addresses"] = orjson.loads(record["addresses_text"])
        return cls(**values)

    def take(self, values: dict[str, Any]) -> list[str]:
        """Sets what a row says; returns the fields of the customer that differ from before."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return [_FIELD_OF.get(name, name) for name in changed]

    def add_points(self, row: ReadRow, source: str, moment: datetime) -> list[tuple[Any, ...]]:
        """Adds the contact points that the customer does not have yet; returns their rows."""
        known = {(point.kind, point.match_key) for point in self.points}
        added = []
        for contact in row.contacts:
            if (contact.kind, contact.match_key) in known or len(self.points) >= MOST:
                continue
            point = Point(
                *(new_uuid(), self.customer_id, contact.kind, contact.value, contact.match_key, contact.provider, ""),
                *(False, source, None, 0, False, moment),
            )
            self.points.append(point)
            added.append(point.record)
        return added

    def record(self, version: int, moment: datetime) -> tuple[Any, ...]:
        """Returns the row of this version, search document and card included, in the order of CUSTOMER_COLUMNS."""
        text, tokens = documents.build(
            row=self,
            points=self.points,
            keys=[reference.source_key for reference in self.references],
            vins=self.vins,
            plates=self.plates,
            dealers=self.dealers,
        )
        message = card(self, self.points, self.references, version=version, update_time=moment)
        columns = list(_read_columns(self))
        columns[1], columns[3] = version, moment
        columns[_ADDRESSES] = orjson.dumps(self.addresses).decode()
        return (*columns, text, tokens, message.SerializeToString())


_MADE = ("search_text", "search_tokens", "card")
assert CUSTOMER_COLUMNS[1:4:2] == ("version", "update_time")
assert CUSTOMER_COLUMNS[-3:] == _MADE
_ADDRESSES = CUSTOMER_COLUMNS.index("addresses")
_PARTS = ("points", "references", "vins", "plates", "dealers", "shown_to")
_read_columns = attrgetter(*CUSTOMER_COLUMNS[:-3])
_point_record: Callable[[Point], tuple[Any, ...]] = attrgetter(*POINT_COLUMNS)
_LOADED = tuple(item.name for item in fields(Draft) if item.name not in _PARTS)
