"""The import of customers: a chunk is read, met with what is known, and written in a few statements.

What a row leaves empty stays as it is; contact points are added, never taken away. A row that its source has said before in the same
words changes nothing, so that staff's own corrections are not undone by a repeated file.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import orjson
from marque.customer.v1 import customer_events_pb2, customer_import_service_pb2, relation_events_pb2
from servicekit import contract, dealers
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork
from servicekit.errors import FieldViolation
from servicekit.ids import new_uuid
from servicekit.rpc.principal import Principal
from servicekit.telemetry import propagation

from marque_customer.mapping import customers as mapping
from marque_customer.mapping import rows as reading
from marque_customer.mapping.rows import ReadRow
from marque_customer.mapping.times import stamp
from marque_customer.repository import imports as repository
from marque_customer.repository.imports import CUSTOMER_COLUMNS, POINT_COLUMNS
from marque_customer.repository.sight import sight_of
from marque_customer.rules import documents
from marque_customer.rules.kinds import ACTIVE, ERASED, MERGED, RELATION_ENTRY
from marque_customer.usecases.contact_points import MOST

_EMPTY = {
    **dict.fromkeys(("family_name", "given_name", "full_name", "latin_name", "organisation_name", "language"), ""),
    **dict.fromkeys(("time_zone", "occupation", "income_band", "industry"), ""),
    **dict.fromkeys(("birth_date", "gender", "preferred_channel"), 0),
    **dict.fromkeys(("interests", "tags", "addresses"), ()),
}
_TAKEN = FieldViolation("source_key", "SOURCE_REFERENCE_TAKEN", "This key belongs to a customer that you may not change.")
_DEALER = FieldViolation("dealer_code", "DEALER_UNKNOWN", "There is no dealer of this code, or it is not yours.")


class CustomerImporter:
    """Imports of kind `customers`; the natural key is source and source key."""

    kind = "customers"
    permission = "customer.customers.import"
    row = customer_import_service_pb2.CustomerImportRow

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
        await chunk.end()
        return [outcomes[index] for index in range(len(rows))]


class Chunk:
    """One chunk under way: what is to be copied at its end, table by table."""

    def __init__(self, uow: UnitOfWork, options: ImportOptions) -> None:
        self._uow = uow
        self._now = uow.now
        self._options = options
        self._sight = sight_of(options.principal)
        self._stamp = stamp(uow.now)
        self._copies: dict[str, list[tuple[Any, ...]]] = {}
        self._trail = uow.trail("import")

    async def begin(self) -> None:
        """Takes the source, so that two imports of it do not write the same key, and learns the dealers."""
        self._connection = await repository.connection_of(self._uow.session, self._options.source)

    async def write(self, rows: list[ReadRow]) -> dict[str, RowOutcome]:
        """Writes rows of different keys; returns what became of each, by key."""
        self._copies = {}
        own = await self._own_dealers(rows)
        known = await repository.known(self._connection, self._sight, self._options.source, [row.key for row in rows])
        outcomes, fresh, changed = {}, [], []
        for row in rows:
            before = known.get(row.key)
            dealer = own.get(row.dealer_code)
            fault = _fault_of(row, dealer, before)
            if fault is not None:
                outcomes[row.key] = RowOutcome(row.row, row.key, REJECTED, (fault,))
            elif before is None:
                fresh.append((row, dealer))
                outcomes[row.key] = RowOutcome(row.row, row.key, CREATED)
            elif before["content_hash"] == row.digest:
                outcomes[row.key] = RowOutcome(row.row, row.key, UNCHANGED)
            else:
                changed.append((row, dealer, before["customer_id"]))
                outcomes[row.key] = RowOutcome(row.row, row.key, UPDATED)
        return outcomes
