"""The import of customers: a chunk is read, met with what is known, and written in a few statements.

What a row leaves empty stays as it is; contact points are added, never taken away. A row that its source has said before in the same
words changes nothing, so that staff's own corrections are not undone by a repeated file.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from marque.customer.v1 import customer_events_pb2, customer_import_service_pb2, relation_events_pb2
from servicekit import contract, dealers
from servicekit.audit import roles_text
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.ids import new_uuid
from servicekit.telemetry import propagation

from marque_customer.mapping import rows as reading
from marque_customer.mapping.rows import ReadRow
from marque_customer.mapping.times import stamp
from marque_customer.repository import imports as repository
from marque_customer.repository import records
from marque_customer.repository.imports import POINT_COLUMNS
from marque_customer.repository.sight import sight_of
from marque_customer.rules.kinds import ERASED, RELATION_ENTRY
from marque_customer.rules.sources import MAKER
from marque_customer.rules.survivorship import DEALER_SYSTEM, IMPORT
from marque_customer.usecases.creating import Creation, Newcomer, Source
from marque_customer.usecases.drafts import Draft, Point, Reference
from marque_customer.usecases.import_records import Kept
from marque_customer.usecases.merging import hold_tied, recompose_tied

_TAKEN = FieldViolation(
    "source_key", "SOURCE_REFERENCE_TAKEN", "This key belongs to a customer that you may not change."
)
_KIND = FieldViolation(
    "kind", "FIELD_NOT_WRITABLE", "A person does not become an organisation, nor the other way round."
)
_DEALER = FieldViolation("dealer_code", "DEALER_UNKNOWN", "There is no dealer of this code, or it is not yours.")
_NO_DEALER = FieldViolation(
    "dealer_code", "DEALER_MISSING", "You work for several dealers; name the one whose row it is."
)


class CustomerImporter:
    """Imports of kind `customers`; the natural key is source and source key."""

    kind = "customers"
    permission = "customer.customers.import"
    row: type[Message] = customer_import_service_pb2.CustomerImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk; the same key twice in it is applied twice, in order."""
        chunk = Chunk(uow, options)
        await chunk.begin()
        today = uow.now.date()
        read = [reading.read(row, today) for row in rows]
        outcomes: dict[int, RowOutcome] = {}
        waiting = list(enumerate(read))
        while waiting:
            batch: dict[str, tuple[int, ReadRow]] = {}
            later = []
            for index, row in waiting:
                if row.faults:
                    outcomes[index] = RowOutcome(row.row, row.key, REJECTED, tuple(row.faults))
                elif row.key in batch:
                    later.append((index, row))
                else:
                    batch[row.key] = (index, row)
            found = await chunk.write([row for _, row in batch.values()])
            outcomes.update((index, found[row.key]) for index, row in batch.values())
            waiting = later
        return [outcomes[index] for index in range(len(rows))]


class Chunk:
    """One chunk under way: drafts of customers, and the rows to be copied, by table."""

    def __init__(self, uow: UnitOfWork, options: ImportOptions) -> None:
        self._uow = uow
        self._options = options
        self._sight = sight_of(options.principal)
        self._copies: dict[str, list[tuple[Any, ...]]] = {}
        self._trace = (propagation.inject(), propagation.current_trace_id() or "")
        self._trail: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        principal = options.principal
        origin = DEALER_SYSTEM if "dealer.system" in principal.roles else IMPORT
        self._source = Source(origin, options.source, principal.subject)

    async def begin(self) -> None:
        """Takes the source, so that two imports of it never write the same key at once."""
        self._connection = await repository.connection_of(self._uow.session, self._options.source)

    async def write(self, rows: list[ReadRow]) -> dict[str, RowOutcome]:
        """Writes rows of different keys; returns what became of each, by key."""
        self._copies = {table: [] for table in repository.TABLES}
        own = await self._dealers(rows)
        owners = {row.key: self._owner(own.get(row.dealer_code)) for row in rows}
        known = await repository.known(
            self._connection, self._sight, self._options.source, list(owners), list(owners.values())
        )
        outcomes: dict[str, RowOutcome] = {}
        changed: list[tuple[ReadRow, uuid.UUID | None, uuid.UUID]] = []
        newcomers: list[Newcomer] = []
        for row in rows:
            before, dealer = known.get(row.key), own.get(row.dealer_code)
            fault = self._fault_of(row, dealer, before)
            outcome = CREATED
            if fault is not None:
                outcome = REJECTED
            elif before is None:
                newcomers.append(Newcomer(row, dealer, owners[row.key]))
            elif before["content_hash"] == row.digest:
                outcome = UNCHANGED
            else:
                outcome = UPDATED
                changed.append((row, dealer, before["customer_id"]))
            outcomes[row.key] = RowOutcome(row.row, row.key, outcome, (fault,) if fault else ())
        await self._create(newcomers)
        await self._change(changed)
        self._copies["audit_records"] = self._audit_records()
        await self._flush()
        return outcomes

    async def _flush(self) -> None:
        """Writes the rows that wait to be copied."""
        for table, rows in self._copies.items():
            await repository.copy(self._connection, table, rows)
        self._copies = {table: [] for table in repository.TABLES}

    async def _dealers(self, rows: list[ReadRow]) -> dict[str, uuid.UUID]:
        """The dealers that rows name and the caller may name; the caller's own stands under the empty code."""
        codes = {row.dealer_code for row in rows if row.dealer_code}
        found = await dealers.by_code(self._uow.session, codes) if codes else {}
        principal = self._options.principal
        if not principal.sees_all_rows:
            found = {code: dealer for code, dealer in found.items() if str(dealer) in principal.dealers}
            if len(principal.dealers) == 1:
                found[""] = uuid.UUID(next(iter(principal.dealers)))
        return found

    def _owner(self, dealer_id: uuid.UUID | None) -> uuid.UUID:
        """Whose system the source is: of a caller who is bound to dealers the row's dealer."""
        return MAKER if self._sight.everything or dealer_id is None else dealer_id

    def _fault_of(self, row: ReadRow, dealer_id: uuid.UUID | None, before: Any) -> FieldViolation | None:
        if dealer_id is None and (row.dealer_code or not self._sight.everything):
            return _DEALER if row.dealer_code else _NO_DEALER
        if before is None:
            return None
        if not before["visible"] or before["status"] == ERASED:
            return _TAKEN
        return _KIND if before["kind"] != row.kind else None

    async def _create(self, newcomers: list[Newcomer]) -> None:
        if not newcomers:
            return
        creation = Creation(newcomers, self._source, self._uow.now, self._trace[0])
        for copy in creation.copies():
            await copy.send(self._connection)
        self._trail.setdefault(("create", ()), []).extend(creation.ids)

    def _relate(self, draft: Draft, dealer_id: uuid.UUID) -> None:
        now, relation_id = self._uow.now, new_uuid()
        self._copies["relations"].append(
            (relation_id, 1, now, now, draft.customer_id, dealer_id, RELATION_ENTRY, now, "", "", None)
        )
        if dealer_id not in draft.shown_to:
            self._copies["dealer_customers"].append(
                (dealer_id, draft.customer_id, now, draft.create_time, draft.kind, draft.status)
            )
        started = relation_events_pb2.RelationStarted(
            relation_id=str(relation_id), customer_id=str(draft.customer_id), dealer_id=str(dealer_id)
        )
        started.kind = RELATION_ENTRY  # type: ignore[assignment]
        self._event(started, str(relation_id), 1)

    async def _change(self, changed: list[tuple[ReadRow, uuid.UUID | None, uuid.UUID]]) -> None:
        if not changed:
            return
        ids = sorted({customer_id for _, _, customer_id in changed})
        tied = await hold_tied(self._uow, ids)
        drafts = _drafts(await repository.load(self._connection, ids))
        tied = await hold_tied(self._uow, ids) or tied  # one may have been merged before its row was got
        related = await repository.entry_relations(self._connection, ids, RELATION_ENTRY)
        kept = Kept(await records.load(self._connection, ids), self._source, self._uow.now)
        touched: dict[uuid.UUID, set[str]] = {}
        for row, dealer_id, customer_id in changed:
            draft = drafts[customer_id]
            fields = touched.setdefault(customer_id, set())
            fields.update(draft.take(kept.say(draft, row, self._owner(dealer_id))))
            points = draft.add_points(row, self._options.source, self._uow.now)
            self._copies["contact_points"] += points
            if points:
                fields.add("contact_points")
            if dealer_id is not None and (customer_id, dealer_id) not in related:
                related.add((customer_id, dealer_id))
                draft.dealers.append(dealer_id)
                self._relate(draft, dealer_id)
                draft.shown_to.add(dealer_id)
        digests = [(row.key, self._owner(dealer_id), row.digest) for row, dealer_id, _ in changed]
        await repository.seen(self._connection, self._options.source, digests, self._uow.now)
        await records.put(self._connection, kept.rows())
        written = []
        for customer_id, fields in touched.items():
            draft = drafts[customer_id]
            written.append(draft.record(draft.version + 1, self._uow.now))
            updated = customer_events_pb2.CustomerUpdated(changed_fields=sorted(fields) or ["source_references"])
            updated.status = draft.status  # type: ignore[assignment]
            self._event(updated, str(customer_id), draft.version + 1)
            self._audit("update", customer_id, tuple(sorted(fields)))
        await repository.change(self._connection, written)
        if tied:
            await self._flush()
            await recompose_tied(self._uow, ids)

    def _event(self, event: Any, key: str, version: int) -> None:
        kind = contract.event(event.DESCRIPTOR)
        setattr(event, kind.key, key)
        event.aggregate_version = version
        event.occur_time.CopyFrom(stamp(self._uow.now))
        payload = event.SerializeToString()
        self._copies["outbox_messages"].append(
            (new_uuid(), kind.name, key, version, payload, self._trace[0], self._uow.now)
        )

    def _audit(self, action: str, customer_id: uuid.UUID, fields: tuple[str, ...] = ()) -> None:
        self._trail.setdefault((action, fields), []).append(str(customer_id))

    def _audit_records(self) -> list[tuple[Any, ...]]:
        """One record for all customers to whom the same was done."""
        principal = self._uow.principal
        head = (self._uow.now, principal.subject, roles_text(principal.roles), "import")
        found: list[tuple[Any, ...]] = [
            (new_uuid(), *head, action, "customer", "", ids, fields, self._trace[1])
            for (action, fields), ids in self._trail.items()
        ]
        self._trail = {}
        return found


def _drafts(loaded: dict[str, list[Any]]) -> dict[uuid.UUID, Draft]:
    found = {row["customer_id"]: Draft.known(row) for row in loaded["customers"]}
    for point in loaded["points"]:
        found[point["customer_id"]].points.append(Point(**{name: point[name] for name in POINT_COLUMNS}))
    for item in loaded["references"]:
        found[item["customer_id"]].references.append(
            Reference(item["source"], item["source_key"], item["last_seen_time"])
        )
    for car in loaded["cars"]:
        found[car["customer_id"]].vins.append(car["vin"])
        if car["plate"]:
            found[car["customer_id"]].plates.append(car["plate"])
    for shown in loaded["dealers"]:
        found[shown["customer_id"]].dealers.append(shown["dealer_id"])
        found[shown["customer_id"]].shown_to.add(shown["dealer_id"])
    return found
