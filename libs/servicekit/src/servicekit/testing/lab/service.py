"""Wires the laboratory by hand, as a service is wired."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from marque.customer.v1 import (
    customer_events_pb2,
    customer_import_service_pb2,
    holding_import_rows_pb2,
    lead_import_rows_pb2,
)
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import CREATED, REJECTED, UNCHANGED, UPDATED, Importer, ImportOptions, RowOutcome, Step
from servicekit.bulk.worker import import_due
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import FailedPrecondition, FieldViolation
from servicekit.ids import new_uuid
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event
from servicekit.operations import OperationsApi
from servicekit.personal import LEGAL_HOLD, Erasure, PersonalRecord, Retained
from servicekit.personal_api import PersonalDataApi
from servicekit.service import Kit, Service
from servicekit.settings import ServiceSettings
from servicekit.snapshots import SnapshotReader

MIGRATIONS = Path(__file__).parent / "migrations"
BREAKS, REFUSES = "breaks", "refuses"

_UPSERT = sa.text(
    """
    INSERT INTO lab_customers AS mine (customer_id, source, source_key, full_name, version)
    SELECT * FROM unnest(
        CAST(:ids AS uuid[]), CAST(:sources AS text[]), CAST(:keys AS text[]), CAST(:names AS text[]), CAST(:ones AS bigint[]))
    ON CONFLICT (source, source_key) DO UPDATE SET full_name = excluded.full_name, version = mine.version + 1
    WHERE mine.full_name <> excluded.full_name
    RETURNING source_key, version
    """
)
_WROTE = sa.text("INSERT INTO lab_writes SELECT unnest(CAST(:keys AS text[])), :principal")


_NAMED = sa.text(
    "INSERT INTO lab_named SELECT CAST(:import AS uuid), unnest(CAST(:keys AS text[])) ON CONFLICT DO NOTHING"
)
_UNNAMED = sa.text(
    """
    SELECT source_key FROM lab_customers c WHERE source = :source AND source_key > :after AND NOT EXISTS (
        SELECT FROM lab_named n WHERE n.import_id = :import AND n.source_key = c.source_key) ORDER BY source_key LIMIT :most
    """
)
_REMOVED = sa.text("INSERT INTO lab_removals SELECT unnest(CAST(:keys AS text[]))")
_REMOVE = sa.text("DELETE FROM lab_customers WHERE source = :source AND source_key = ANY(:keys)")
AT_ONCE = 100


class LabSettings(ServiceSettings):
    """How the laboratory behaves."""

    lab_pause: float = 0.0
    lab_max_file_bytes: int = 1024 * 1024


class LabImporter:
    """Customers by source key. A name `breaks` is a fault of the code that fails the chunk; `refuses` is refused as a row."""

    kind = "customers"
    permission = "customer.customers.import"
    row: type[Message] = customer_import_service_pb2.CustomerImportRow

    def __init__(self, pause: float) -> None:
        self._pause = pause

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        if any(row.full_name == BREAKS for row in rows):
            raise RuntimeError("told to break")
        good = {row.source_key: row for row in rows if row.full_name != REFUSES}
        columns = {
            "ids": [new_uuid() for _ in good],
            "sources": [options.source] * len(good),
            "keys": list(good),
            "names": [row.full_name for row in good.values()],
            "ones": [1] * len(good),
        }
        versions = {row.source_key: row.version for row in await uow.session.execute(_UPSERT, columns)}
        await uow.session.execute(_WROTE, {"keys": list(good), "principal": options.principal.subject})
        await asyncio.sleep(self._pause)
        return [self._outcome(row, versions) for row in rows]

    def _outcome(self, row: Any, versions: dict[str, int]) -> RowOutcome:
        if row.full_name == REFUSES:
            wrong = FieldViolation("full_name", "NAME_REFUSED", "this name is refused")
            return RowOutcome(row.row, row.source_key, REJECTED, (wrong,))
        version = versions.get(row.source_key)
        outcome = UNCHANGED if version is None else CREATED if version == 1 else UPDATED
        return RowOutcome(row.row, row.source_key, outcome)


class LabCustomerImporter(LabImporter):
    """One whose files may replace what their source has said before."""

    async def mark(self, uow: UnitOfWork, options: ImportOptions, outcomes: Sequence[RowOutcome]) -> None:
        """Notes the keys of good rows."""
        keys = [one.key for one in outcomes if one.outcome != REJECTED]
        await uow.session.execute(_NAMED, {"import": options.import_id, "keys": keys})

    async def replace(self, uow: UnitOfWork, options: ImportOptions, place: str) -> Step:
        """Removes the next customers of the source that were not named, and writes each of them down."""
        values = {"source": options.source, "import": options.import_id, "after": place, "most": AT_ONCE}
        keys = list(await uow.session.scalars(_UNNAMED, values))
        if not options.dry_run:
            await uow.session.execute(_REMOVE, {"source": options.source, "keys": keys})
            await uow.session.execute(_REMOVED, {"keys": keys})
        await asyncio.sleep(self._pause)
        return Step(len(keys), keys[-1] if len(keys) == AT_ONCE else None)


class LabLeadImporter(LabImporter):
    """Another kind that the contract has."""

    kind = "leads"
    permission = "customer.leads.import"
    row: type[Message] = lead_import_rows_pb2.LeadImportRow


class LabHoldingImporter(LabImporter):
    """Another kind that the contract has."""

    kind = "holdings"
    permission = "customer.holdings.import"
    row: type[Message] = holding_import_rows_pb2.HoldingImportRow


class LabPersonal:
    """A person's row in the scratch table."""

    async def export(self, session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> AsyncIterator[PersonalRecord]:
        """Yields the rows of a person."""
        query = sa.text("SELECT * FROM lab_customers WHERE customer_id = ANY(:ids) ORDER BY customer_id")
        for row in await session.execute(query, {"ids": list(customer_ids)}):
            yield PersonalRecord("lab.customer", str(row.customer_id), {"full_name": row.full_name})

    async def erase(self, uow: UnitOfWork, customer_ids: Sequence[uuid.UUID], held_kinds: frozenset[str]) -> Erasure:
        """Deletes the rows of a person, unless they are held."""
        ids = {"ids": list(customer_ids)}
        if held_kinds & {"*", "lab.customer"}:
            query = sa.text("SELECT count(*) FROM lab_customers WHERE customer_id = ANY(:ids)")
            return Erasure(retained=[Retained("lab.customer", await uow.session.scalar(query, ids), LEGAL_HOLD)])
        query = sa.text("DELETE FROM lab_customers WHERE customer_id = ANY(:ids)")
        return Erasure(erased={"lab.customer": (await uow.session.execute(query, ids)).rowcount})  # type: ignore[attr-defined]


class LabClosed(FailedPrecondition):
    """The switch `open` is off."""

    reason = "LAB_CLOSED"
    message = "The laboratory is closed."


async def on_sale(uow: UnitOfWork, event: Event) -> None:
    """Notes a sale, once the switch `open` is on."""
    if not await uow.session.scalar(sa.text("SELECT count(*) FROM lab_switches WHERE name = 'open'")):
        raise LabClosed()
    await uow.session.execute(_WROTE, {"keys": [event.key], "principal": "sale"})


async def snapshots_of(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Reads the next customers in the order of their keys."""
    query = sa.text("SELECT * FROM lab_customers WHERE source_key > :after ORDER BY source_key LIMIT :limit")
    rows = await session.execute(query, {"after": after, "limit": limit})
    return [
        (
            row.source_key,
            customer_events_pb2.CustomerSnapshot(customer_id=str(row.customer_id), aggregate_version=row.version),
        )
        for row in rows
    ]


def build(kit: Kit) -> Service:
    """Returns the laboratory on the given parts."""
    work = Work(kit.database, kit.committed, {})
    settings = kit.settings if isinstance(kit.settings, LabSettings) else LabSettings()
    importers: dict[str, Importer] = {
        "ImportCustomers": LabCustomerImporter(settings.lab_pause),
        "ImportLeads": LabLeadImporter(settings.lab_pause),
        "ImportHoldings": LabHoldingImporter(settings.lab_pause),
    }
    snapshots: dict[str, SnapshotReader] = {"customer": snapshots_of}
    subscriptions = [Subscription("customer_vehicle", "vehicle", {"marque.vehicle.v1.SaleRecorded": on_sale})]
    return Service(
        name="customer",
        migrations=MIGRATIONS,
        servicers=[
            ImportApi("customer", work, importers, max_file_bytes=settings.lab_max_file_bytes),
            PersonalDataApi("customer", work, LabPersonal()),
            OperationsApi("customer", work, snapshots, subscriptions, kit=kit),
        ],
        subscriptions=subscriptions,
        due=import_due(work, importers),
        snapshots=snapshots,
    )
