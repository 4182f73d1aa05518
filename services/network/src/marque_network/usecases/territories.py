"""What is done with territories."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_network.errors import DealerClosed, DealerNotFound, TerritoryNotFound, TerritoryOverlaps
from marque_network.models import Change, Dealer, DealerTerritory
from marque_network.repository import territories as repository
from marque_network.repository.scoped import lock_dealers


async def create_territory(*, uow: UnitOfWork, values: Mapping[str, Any]) -> Any:
    """Gives a dealer a territory."""
    async with uow:
        territory = DealerTerritory(**values, end_time=None)
        found = await lock_dealers(uow.session, uow.principal, [territory.dealer_id])
        dealer = found.get(territory.dealer_id)
        if dealer is None:
            raise DealerNotFound(dealer_id=territory.dealer_id)
        if dealer.status == Dealer.CLOSED:
            raise DealerClosed(dealer_id=territory.dealer_id)
        uow.add(territory)
        await uow.flush()
        await _place(uow, territory)
        uow.audit("create", "dealer_territory", str(territory.territory_id))
        return await uow.answer(territory)


async def update_territory(
    *, uow: UnitOfWork, territory_id: uuid.UUID, etag: str, patch: Callable[[DealerTerritory], Change]
) -> Any:
    """Changes a territory."""
    async with uow:
        territory = await _found(uow, territory_id, etag)
        territory.check_holds()
        change = patch(territory)
        if change.fields:
            territory.change(change.values)
            await _place(uow, territory)
            uow.audit("update", "dealer_territory", str(territory_id), change.fields)
        return await uow.answer(territory)


async def end_territory(*, uow: UnitOfWork, territory_id: uuid.UUID, etag: str) -> Any:
    """Ends a territory."""
    async with uow:
        territory = await _found(uow, territory_id, etag)
        territory.end(uow.now)
        await repository.write_places(uow.session, territory)
        uow.audit("end", "dealer_territory", str(territory_id))
        return await uow.answer(territory)


async def hand_over(uow: UnitOfWork, dealer_id: uuid.UUID, successor_id: uuid.UUID | None, at: datetime) -> None:
    """Gives the territories of a dealer to its successor, or ends them where there is none."""
    await repository.lock(uow.session)
    for territory in await repository.of_dealer(uow.session, dealer_id):
        if successor_id is None:
            territory.end(at)
        else:
            territory.change({"dealer_id": successor_id})
        await repository.write_places(uow.session, territory)
        uow.audit("hand_over", "dealer_territory", str(territory.territory_id), ("dealer_id",))


async def _found(uow: UnitOfWork, territory_id: uuid.UUID, etag: str) -> DealerTerritory:
    # Before the row, as everywhere: who holds the turn waits for no row of who waits for the turn.
    await repository.lock(uow.session)
    territory = await repository.get_territory(uow.session, uow.principal, territory_id)
    if territory is None:
        raise TerritoryNotFound(territory_id=territory_id)
    territory.check_etag(etag)
    return territory


async def _place(uow: UnitOfWork, territory: DealerTerritory) -> None:
    """Writes where it lies, after the ground that other dealers have for themselves alone."""
    await repository.lock(uow.session)
    if territory.exclusive and (codes := await repository.taken(uow.session, territory)):
        raise TerritoryOverlaps(codes=", ".join(codes))
    await repository.write_places(uow.session, territory)
