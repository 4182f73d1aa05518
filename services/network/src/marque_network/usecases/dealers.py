"""What is done with dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from marque.network.v1 import dealer_events_pb2
from servicekit.db.uow import UnitOfWork

from marque_network.errors import DealerNotFound
from marque_network.models import Change, Dealer
from marque_network.repository import dealers as repository


async def create_dealer(*, uow: UnitOfWork, values: Mapping[str, Any]) -> Any:
    """Admits a dealer."""
    async with uow:
        dealer = Dealer.open(values)
        uow.add(dealer)
        await _written(uow, dealer, ())
        uow.audit("create", "dealer", str(dealer.dealer_id))
        return await uow.answer(dealer)


async def update_dealer(*, uow: UnitOfWork, dealer_id: uuid.UUID, etag: str, patch: Callable[[Dealer], Change]) -> Any:
    """Changes a dealer; a patch that changes nothing says nothing to others."""
    async with uow:
        dealer = await repository.get_dealer(uow.session, dealer_id)
        if dealer is None:
            raise DealerNotFound(dealer_id=dealer_id)
        dealer.check_etag(etag)
        change = patch(dealer)
        if change.fields:
            dealer.change(change)
            await _written(uow, dealer, change.fields)
            uow.audit("update", "dealer", str(dealer_id), change.fields)
        return await uow.answer(dealer)


async def _written(uow: UnitOfWork, dealer: Dealer, changed: tuple[str, ...]) -> None:
    """Makes a written dealer known to the scope of this very service, and to others by event."""
    await uow.flush()
    await repository.know_dealers(uow.session, [dealer.dealer_id])
    uow.emit(dealer_changed(dealer, changed), of=dealer)


def dealer_changed(dealer: Any, changed: tuple[str, ...]) -> dealer_events_pb2.DealerChanged:
    """Returns the event of a dealer's present state."""
    return dealer_events_pb2.DealerChanged(
        dealer_id=str(dealer.dealer_id),
        code=dealer.code,
        changed_fields=changed,
        kinds=dealer.kinds,
        group_code=dealer.group_code,
        region_code=dealer.region_code,
        time_zone=dealer.time_zone,
        status=dealer.status,
    )
