"""The kinds of import of the network service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from marque.network.v1 import network_import_service_pb2 as rows_pb2
from servicekit.bulk.rows import ImportOptions, RowOutcome
from servicekit.db.uow import UnitOfWork

from marque_network.mapping.import_rows import read_dealer, read_staff
from marque_network.usecases.import_dealers import import_dealers
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
