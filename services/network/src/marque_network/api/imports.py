"""The kinds of import of the network service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from marque.network.v1 import network_import_service_pb2 as rows_pb2
from servicekit.bulk.rows import ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork

from marque_network.mapping.import_measures import read_kpi_value, read_target
from marque_network.mapping.import_rows import read_dealer, read_staff
from marque_network.usecases.import_dealers import import_dealers
from marque_network.usecases.import_measures import import_kpi_values, import_targets
from marque_network.usecases.import_staff import import_staff


class DealerImporter:
    """Dealers, keyed by code."""

    kind = "dealers"
    permission = "network.dealers.import"
    row: type[Message] = rows_pb2.DealerImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        return await import_dealers(uow=uow, readings=[read_dealer(row) for row in rows])


class StaffImporter:
    """Staff, keyed by dealer and employee number."""

    kind = "staff"
    permission = "network.staff.import"
    row: type[Message] = rows_pb2.StaffImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        return await import_staff(uow=uow, rows=rows, read=read_staff)


class TargetImporter:
    """Proposed targets, keyed by dealer, adviser, measure and period."""

    kind = "targets"
    permission = "network.targets.import"
    row: type[Message] = rows_pb2.TargetImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        return await import_targets(uow=uow, readings=[read_target(row) for row in rows])


class KpiValueImporter:
    """Values of KPIs, keyed by dealer, KPI and period."""

    kind = "kpi-values"
    permission = "network.kpi_values.import"
    row: type[Message] = rows_pb2.KpiValueImportRow

    async def apply(self, uow: UnitOfWork, options: ImportOptions, rows: Sequence[Any]) -> list[RowOutcome]:
        """Applies a chunk."""
        return await import_kpi_values(uow=uow, rows=rows, read=lambda row: read_kpi_value(row, options.source))
