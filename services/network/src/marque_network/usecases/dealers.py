"""What is done with dealers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from marque.network.v1 import dealer_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_network.errors import DealerNotFound
from marque_network.models import Change, Dealer, DealerStatusChange
from marque_network.repository import dealers as repository
from marque_network.repository.scoped import lock_dealers
from marque_network.usecases.territories import hand_over


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
            if "status" in change.fields and dealer.status == Dealer.CLOSED:
                await hand_over(uow, dealer_id, None, uow.now)  # nobody was named who takes over
            await _written(uow, dealer, change.fields)
            uow.audit("update", "dealer", str(dealer_id), change.fields)
        return await uow.answer(dealer)


async def activate_dealer(*, uow: UnitOfWork, dealer_id: uuid.UUID, etag: str, reason: int, note: str) -> Any:
    """Opens a planned dealer, or a suspended one again."""
    async with uow:
        dealer = await _found(uow, dealer_id, etag)
        before = dealer.status
        dealer.activate(reason)
        await _status_changed(uow, dealer, before, note, "activate", ("status",))
        return await uow.answer(dealer)


async def suspend_dealer(*, uow: UnitOfWork, dealer_id: uuid.UUID, etag: str, reason: int, note: str) -> Any:
    """Suspends an open dealer."""
    async with uow:
        dealer = await _found(uow, dealer_id, etag)
        before = dealer.status
        dealer.suspend(reason)
        await _status_changed(uow, dealer, before, note, "suspend", ("status",))
        return await uow.answer(dealer)


async def terminate_dealer(
    *,
    uow: UnitOfWork,
    dealer_id: uuid.UUID,
    etag: str,
    reason: int,
    note: str,
    successor_id: uuid.UUID | None,
    on: date | None,
) -> Any:
    """Closes a dealer for good; its territories go to the successor."""
    async with uow:
        # Both are locked in one order, so that two dealers that succeed each other at once do not wait for ever.
        both = await lock_dealers(uow.session, uow.principal, {dealer_id, successor_id or dealer_id})
        dealer = await _found(uow, dealer_id, etag)
        successor = both.get(successor_id or dealer_id)
        if successor_id is not None and (
            successor is None or successor_id == dealer_id or successor.status == Dealer.CLOSED
        ):
            text = "Name another dealer that is not closed."
            raise InvalidArgument.of("successor_dealer_id", "SUCCESSOR_INVALID", text)
        day = on or uow.now.astimezone(ZoneInfo(dealer.time_zone)).date()
        if dealer.open_date is not None and day < dealer.open_date:
            raise InvalidArgument.of("close_date", "DATES_REVERSED", "A dealer closes after it opens.")
        before = dealer.status
        dealer.terminate(reason, day, successor_id)
        await hand_over(uow, dealer_id, successor_id, uow.now)
        fields = ("status", "close_date", *(("successor_dealer_id",) if successor_id else ()))
        await _status_changed(uow, dealer, before, note, "terminate", fields)
        return await uow.answer(dealer)


async def _found(uow: UnitOfWork, dealer_id: uuid.UUID, etag: str) -> Dealer:
    dealer = await repository.get_dealer(uow.session, dealer_id)
    if dealer is None:
        raise DealerNotFound(dealer_id=dealer_id)
    dealer.check_etag(etag)
    return dealer


async def _status_changed(
    uow: UnitOfWork, dealer: Dealer, before: int, note: str, action: str, fields: tuple[str, ...]
) -> None:
    uow.add(
        DealerStatusChange(
            dealer_id=dealer.dealer_id,
            number=await repository.next_status_change(uow.session, dealer.dealer_id),
            from_status=before,
            to_status=dealer.status,
            reason=dealer.status_reason,
            note=note,
            successor_dealer_id=dealer.successor_dealer_id,
            principal=uow.principal.subject,
            create_time=uow.now,
        )
    )
    await _written(uow, dealer, fields)
    uow.audit(action, "dealer", str(dealer.dealer_id), fields)


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
        status_reason=dealer.status_reason,
        successor_dealer_id=str(dealer.successor_dealer_id or ""),
    )
