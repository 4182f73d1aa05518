"""What is heard of purchases, visits and ownerships: the facts are kept, and whom they are about is judged within seconds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from servicekit.db.uow import UnitOfWork

from marque_customer.models import SpendEntry
from marque_customer.repository import deeds as repository
from marque_customer.repository import values
from marque_customer.repository.deeds import SALES, VISITS, Deed
from marque_customer.repository.notes import connection_of

_KINDS = {SALES: SpendEntry.SALE, VISITS: SpendEntry.VISIT}


async def note_deeds(*, uow: UnitOfWork, deeds: Sequence[Deed], ended: Iterable[uuid.UUID]) -> None:
    """Keeps sales and repair orders, asks later what the ended ones (by id) cost, and has their people judged, who must be locked."""
    async with uow:
        connection = await connection_of(uow.session)
        about = await repository.keep(connection, deeds)
        costs = set(ended)
        await repository.ask(
            connection,
            [(_KINDS[deed.table], deed.deed_id, deed.customer_id) for deed in deeds if deed.deed_id in costs],
        )
        await values.mark(connection, about)


async def restore_deeds(*, uow: UnitOfWork, deeds: Sequence[Deed]) -> None:
    """Keeps what snapshots tell of sales and repair orders. Nobody is judged by them: triggers never act on snapshots."""
    async with uow:
        connection = await connection_of(uow.session)
        await repository.hold(connection, [deed.customer_id for deed in deeds])
        await repository.keep(connection, deeds)


async def mark(*, uow: UnitOfWork, customer_ids: Iterable[uuid.UUID]) -> None:
    """Has customers judged whose cars, or whose being one, changed."""
    async with uow:
        await values.mark(await connection_of(uow.session), customer_ids)
