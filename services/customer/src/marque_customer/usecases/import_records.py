"""What an import says of customers that are known: kept as said, while the customers show what survives (`rules.survivorship`)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson

from marque_customer.mapping.rows import ReadRow
from marque_customer.repository.records import COLUMNS
from marque_customer.rules import records as rules
from marque_customer.rules.sources import MAKER
from marque_customer.rules.survivorship import UNRECORDED, golden
from marque_customer.usecases.creating import Source


@dataclass(slots=True)
class Record:
    """A source record, with the columns of its table."""

    customer_id: uuid.UUID
    source: str
    dealer_id: uuid.UUID
    source_key: str
    origin: int
    said: dict[str, Any]
    older: dict[str, Any]
    verified: list[str]
    first_time: datetime
    last_time: datetime
    actor: str


_record = attrgetter(*COLUMNS)
_JSON = tuple(COLUMNS.index(name) for name in ("said", "older", "verified"))


class Kept:
    """The records of the customers of a chunk; `source` says now."""

    def __init__(self, loaded: Iterable[Any], source: Source, moment: datetime) -> None:
        self._source, self._moment = source, moment
        self._records: dict[uuid.UUID, list[Record]] = {}
        self._written: dict[int, Record] = {}
        for row in loaded:
            values = dict(row) | {name: orjson.loads(row[name]) for name in ("said", "older")}
            self._records.setdefault(row["customer_id"], []).append(Record(**values))

    def say(self, draft: Any, row: ReadRow, owner: uuid.UUID) -> dict[str, Any]:
        """Keeps what a row says of a customer; returns the golden values of the columns that it speaks of."""
        missing = rules.missing(draft, self._statements(draft.customer_id))
        if missing:
            before = self._record(draft.customer_id, ("", MAKER, ""), UNRECORDED)
            rules.restate(before, missing, moment=draft.create_time, actor="")
        record = self._record(draft.customer_id, (self._source.name, owner, row.key), self._source.origin)
        contacts = [[contact.kind, contact.value, contact.provider] for contact in row.contacts]
        rules.restate(record, row.values, moment=self._moment, actor=self._source.actor, contacts=contacts)
        said = self._statements(draft.customer_id)
        found: dict[str, Any] = {}
        for unit in rules.units_in(row.values):
            found.update(golden(unit, [one for one in said if one.unit == unit]))
        return found

    def rows(self) -> list[tuple[Any, ...]]:
        """Returns the records that were written, in the order of their table's columns, with JSON as texts."""
        found = []
        for record in self._written.values():
            values = list(_record(record))
            for place in _JSON:
                values[place] = orjson.dumps(values[place]).decode()
            found.append(tuple(values))
        return found

    def _statements(self, customer_id: uuid.UUID) -> list[Any]:
        return [one for record in self._records.get(customer_id, ()) for one in rules.statements(record)]

    def _record(self, customer_id: uuid.UUID, key: tuple[str, uuid.UUID, str], origin: int) -> Record:
        known = self._records.setdefault(customer_id, [])
        for record in known:
            if (record.source, record.dealer_id, record.source_key) == key:
                record.origin = origin
                self._written[id(record)] = record
                return record
        record = Record(customer_id, *key, origin, {}, {}, [], self._moment, self._moment, self._source.actor)
        known.append(record)
        self._written[id(record)] = record
        return record
