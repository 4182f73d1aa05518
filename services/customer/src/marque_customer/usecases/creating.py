"""New customers of an import, a column at a time: what `drafts` makes one by one for customers that are known, here for a whole chunk."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from marque.customer.v1 import customer_events_pb2, relation_events_pb2
from servicekit import contract
from servicekit.db import binary
from servicekit.db.binary import Column, Copy
from servicekit.ids import new_block, text_of

from marque_customer.mapping.newcomers import Cards, EventForm
from marque_customer.mapping.rows import ReadRow
from marque_customer.mapping.times import stamp
from marque_customer.rules import documents
from marque_customer.rules.kinds import ACTIVE, RELATION_ENTRY

_ONE = binary.bigint(1)
_SMALL = [next(iter(binary.smallints([number]))) for number in range(16)]


def _json(values: Iterable[Any]) -> Column:
    return binary.json_texts(map(orjson.dumps, values))


# What a row may say, by column: how it is encoded, and what the table holds where a row says nothing.
_SAID: dict[str, tuple[Callable[[Iterable[Any]], Column], Any]] = {
    **dict.fromkeys(("family_name", "given_name", "full_name", "latin_name", "organisation_name"), (binary.texts, "")),
    **dict.fromkeys(("language", "time_zone", "occupation", "income_band"), (binary.texts, "")),
    **dict.fromkeys(("interests", "tags"), (binary.text_arrays, ())),
    "birth_date": (binary.integers, 0),
    "gender": (binary.smallints, 0),
    "addresses": (_json, []),
}


class Newcomer(NamedTuple):
    """A row that begins a customer: with a relation to a dealer or none, and whose system its key is of."""

    row: ReadRow
    dealer_id: uuid.UUID | None
    owner: uuid.UUID


class Source(NamedTuple):
    """Who imports: the rank of the word (`rules.survivorship`), the source's name, the caller's subject."""

    origin: int
    name: str
    actor: str


class Creation:
    """The customers of some rows of one source, made at one moment. `ids` are theirs, in the order of the rows."""

    def __init__(
        self, newcomers: Sequence[Newcomer], source: Source, moment: datetime, traceparent: str | None
    ) -> None:
        self._newcomers = newcomers
        self._origin, self._source, self._actor = source
        self._moment = moment
        self._now = binary.moment(moment)
        self._trace = binary.NULL if traceparent is None else binary.sized(traceparent.encode())
        self._keys = new_block(len(newcomers))
        self.ids = [text_of(key) for key in self._keys]

    def copies(self) -> list[Copy]:
        """Returns the rows of all tables, parents before children."""
        related = [index for index, one in enumerate(self._newcomers) if one.dealer_id is not None]
        relations = new_block(len(related))
        point_keys = [new_block(len(one.row.contacts)) for one in self._newcomers]
        found = [
            self._customers(point_keys),
            self._points(point_keys),
            self._references(),
            self._said(),
            self._created(),
        ]
        if related:
            found += (self._relations(related, relations), self._shown(related), self._started(related, relations))
        return found

    def _copy(self, table: str, columns: dict[str, Column | bytes]) -> Copy:
        return Copy(table, len(self._newcomers), columns)

    def _customers(self, point_keys: list[list[bytes]]) -> Copy:
        rows = [one.row for one in self._newcomers]
        said = {name for row in rows for name in row.values}
        columns: dict[str, Column | bytes] = {
            "customer_id": binary.uuids(self._keys),
            "version": _ONE,
            "status": _SMALL[ACTIVE],
            **dict.fromkeys(("create_time", "update_time", "status_time"), self._now),
            "kind": [_SMALL[row.kind] for row in rows],
        }
        for name in said:
            encode, default = _SAID[name]
            columns[name] = encode([row.values.get(name, default) for row in rows])
        texts, tokens = zip(*map(_document, self._newcomers), strict=True)
        columns["search_text"], columns["search_tokens"] = binary.texts(texts), binary.text_arrays(tokens)
        card = Cards(self._source, self._moment).card
        columns["card"] = binary.blobs(
            [
                card(row, customer_id, [text_of(key) for key in keys])
                for row, customer_id, keys in zip(rows, self.ids, point_keys, strict=True)
            ]
        )
        return self._copy("customers", columns)

    def _points(self, point_keys: list[list[bytes]]) -> Copy:
        contacts = [contact for one in self._newcomers for contact in one.row.contacts]
        columns: dict[str, Column | bytes] = {
            "contact_point_id": binary.uuids([key for keys in point_keys for key in keys]),
            "customer_id": binary.uuids(
                [key for key, one in zip(self._keys, self._newcomers, strict=True) for _ in one.row.contacts]
            ),
            "kind": [_SMALL[contact.kind] for contact in contacts],
            "value": binary.texts([contact.value for contact in contacts]),
            "match_key": binary.texts([contact.match_key for contact in contacts]),
            "source": binary.sized(self._source.encode()),
            "create_time": self._now,
        }
        if any(contact.provider for contact in contacts):
            columns["provider"] = binary.texts([contact.provider for contact in contacts])
        return Copy("contact_points", len(contacts), columns)

    def _references(self) -> Copy:
        columns: dict[str, Column | bytes] = {
            "source": binary.sized(self._source.encode()),
            "source_key": binary.texts([one.row.key for one in self._newcomers]),
            "dealer_id": binary.uuids([one.owner.bytes for one in self._newcomers]),
            "customer_id": binary.uuids(self._keys),
            "last_seen_time": self._now,
            "content_hash": binary.blobs([one.row.digest for one in self._newcomers]),
        }
        return self._copy("source_references", columns)

    def _said(self) -> Copy:
        """What the source said, kept as said (`models.SourceRecord`)."""
        columns: dict[str, Column | bytes] = {
            "customer_id": binary.uuids(self._keys),
            "source": binary.sized(self._source.encode()),
            "dealer_id": binary.uuids([one.owner.bytes for one in self._newcomers]),
            "source_key": binary.texts([one.row.key for one in self._newcomers]),
            "origin": _SMALL[self._origin],
            "said": _json(one.row.said for one in self._newcomers),
            **dict.fromkeys(("first_time", "last_time"), self._now),
            "actor": binary.sized(self._actor.encode()),
        }
        return self._copy("source_records", columns)

    def _relations(self, related: list[int], relations: list[bytes]) -> Copy:
        columns: dict[str, Column | bytes] = {
            "relation_id": binary.uuids(relations),
            "version": _ONE,
            "kind": _SMALL[RELATION_ENTRY],
            **dict.fromkeys(("create_time", "update_time", "start_time"), self._now),
            **self._pairs(related),
        }
        return Copy("relations", len(related), columns)

    def _shown(self, related: list[int]) -> Copy:
        columns: dict[str, Column | bytes] = {
            **dict.fromkeys(("create_time", "update_time"), self._now),
            "kind": [_SMALL[self._newcomers[index].row.kind] for index in related],
            "status": _SMALL[ACTIVE],
            **self._pairs(related),
        }
        return Copy("dealer_customers", len(related), columns)

    def _pairs(self, related: list[int]) -> dict[str, Column]:
        return {
            "dealer_id": binary.uuids([_dealer(self._newcomers[index]).bytes for index in related]),
            "customer_id": binary.uuids([self._keys[index] for index in related]),
        }

    def _created(self) -> Copy:
        event = customer_events_pb2.CustomerCreated
        kinds = {kind: EventForm(self._event(event, source=self._source, kind=kind), "customer_id") for kind in (1, 2)}
        payloads = [
            kinds[one.row.kind].payload(customer_id) for one, customer_id in zip(self._newcomers, self.ids, strict=True)
        ]
        return self._outbox(event, self.ids, payloads)

    def _started(self, related: list[int], relations: list[bytes]) -> Copy:
        event = relation_events_pb2.RelationStarted
        form = EventForm(self._event(event, kind=RELATION_ENTRY), "relation_id", "customer_id", "dealer_id")
        ids = [text_of(key) for key in relations]
        payloads = [
            form.payload(relation_id, self.ids[index], str(_dealer(self._newcomers[index])))
            for relation_id, index in zip(ids, related, strict=True)
        ]
        return self._outbox(event, ids, payloads)

    def _event(self, event: Any, /, **values: Any) -> Any:
        return event(aggregate_version=1, occur_time=stamp(self._moment), **values)

    def _outbox(self, event: Any, ids: Sequence[str], payloads: Sequence[bytes]) -> Copy:
        columns: dict[str, Column | bytes] = {
            "event_id": binary.uuids(new_block(len(ids))),
            "event_type": binary.sized(contract.event(event.DESCRIPTOR).name.encode()),
            "aggregate_id": binary.texts(ids),
            "aggregate_version": _ONE,
            "payload": binary.blobs(payloads),
            "traceparent": self._trace,
            "create_time": self._now,
        }
        return Copy("outbox_messages", len(ids), columns)


def _dealer(one: Newcomer) -> uuid.UUID:
    assert one.dealer_id is not None
    return one.dealer_id


def _document(one: Newcomer) -> tuple[str, list[str]]:
    get = one.row.values.get
    found = documents.names_of(
        *(get(name, "") for name in ("family_name", "given_name", "full_name", "latin_name", "organisation_name"))
    )
    return documents.compose(
        found, one.row.contacts, (one.row.key,), dealers=() if one.dealer_id is None else (one.dealer_id,)
    )
