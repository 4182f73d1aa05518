"""Claims under warranty: submitted, checked, decided, paid; and the reversal of the repair order that they rest on."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from google.protobuf.message import Message
from servicekit.db.uow import UnitOfWork

from marque_vehicle.errors import (
    RepairOrderNotClosed,
    RepairOrderNotFound,
    RepairOrderRemediedRecall,
    WarrantyClaimExists,
    WarrantyClaimNotFound,
    WarrantyLinesMissing,
)
from marque_vehicle.events import claims as events
from marque_vehicle.models import RepairOrder, WarrantyClaim
from marque_vehicle.repository import repair_orders
from marque_vehicle.repository import warranty_claims as repository
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules import claims as rules
from marque_vehicle.rules import warranty
from marque_vehicle.usecases import lemon, maintenance


async def _closed(uow: UnitOfWork, scope: Scope, repair_order_id: uuid.UUID) -> RepairOrder:
    """A closed order, locked: it is taken before its claim, by all who need both."""
    order = await repair_orders.lock_repair_order(uow.session, scope, repair_order_id)
    if order is None:
        raise RepairOrderNotFound(repair_order_id=repair_order_id)
    return order


async def submit(*, uow: UnitOfWork, scope: Scope, repair_order_id: uuid.UUID) -> Any:
    """Claims the warranty lines of a closed order; a returned claim is submitted again."""
    async with uow:
        order = await _closed(uow, scope, repair_order_id)
        if order.state != RepairOrder.CLOSED:
            raise RepairOrderNotClosed()
        items = rules.items_of(order.lines)
        if not items:
            raise WarrantyLinesMissing()
        claim = await repository.lock_standing(uow.session, repair_order_id)
        if claim is None:
            claim = WarrantyClaim(
                dealer_id=order.dealer_id, repair_order_id=repair_order_id, repair_order_number=order.number, vin=order.vin,
                currency=order.currency, items=items, claimed=rules.claimed(items), submit_time=uow.now,
            )  # fmt: skip
            uow.add(claim)
        elif claim.state == WarrantyClaim.RETURNED:
            claim.submit_again(items, order.currency, uow.now)
        else:
            raise WarrantyClaimExists()
        return await _told(uow, claim, "submit", events.submitted)


async def _told(
    uow: UnitOfWork, claim: WarrantyClaim, verb: str, event: Callable[[WarrantyClaim], Message] | None
) -> Any:
    await uow.flush()
    if event is not None:
        uow.emit(event(claim), of=claim)
    uow.audit(verb, "warranty_claim", str(claim.claim_id))
    return await uow.answer(claim)


async def _locked(uow: UnitOfWork, scope: Scope, claim_id: uuid.UUID, etag: str) -> WarrantyClaim:
    claim = await repository.lock_claim(uow.session, scope, claim_id)
    if claim is None:
        raise WarrantyClaimNotFound()
    claim.check_etag(etag)
    return claim


async def check(*, uow: UnitOfWork, scope: Scope, claim_id: uuid.UUID, etag: str) -> Any:
    """Judges each line by the clauses of the warranty, on the day and at the odometer of the visit."""
    async with uow:
        claim = await _locked(uow, scope, claim_id, etag)
        make, start, terms = await repository.car_of(uow.session, claim.vin)
        order = await repair_orders.read_now(uow.session, claim.repair_order_id)
        day = order.open_time.astimezone(UTC).date()
        judged = {}
        for item in claim.items:
            found = warranty.coverage(terms, make, item["component_code"], start, day, order.odometer_in_km)
            judged[item["line_number"]] = (found.reason, found.term["term_code"] if found.term is not None else "")
        claim.check(judged)
        return await _told(uow, claim, "check", None)


async def send_back(*, uow: UnitOfWork, scope: Scope, claim_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Sends a claim back to its station."""
    async with uow:
        claim = await _locked(uow, scope, claim_id, etag)
        claim.send_back(reason)
        return await _told(uow, claim, "return", events.returned)


async def refuse(*, uow: UnitOfWork, scope: Scope, claim_id: uuid.UUID, reason: str, etag: str) -> Any:
    """Refuses a claim."""
    async with uow:
        claim = await _locked(uow, scope, claim_id, etag)
        claim.refuse(reason, uow.now)
        return await _told(uow, claim, "refuse", events.decided)


async def approve(
    *, uow: UnitOfWork, scope: Scope, claim_id: uuid.UUID, amounts: Callable[[str], Mapping[int, int]],
    limit: Callable[[str], int | None], parts: bool, etag: str,
) -> Any:  # fmt: skip
    """Approves a claim; `amounts` by line and the caller's `limit` are asked for in the currency of the claim."""
    async with uow:
        claim = await _locked(uow, scope, claim_id, etag)
        claim.approve(amounts(claim.currency), limit(claim.currency), uow.now, parts=parts)
        return await _told(uow, claim, "approve", events.decided)


async def move_parts(*, uow: UnitOfWork, scope: Scope, claim_id: uuid.UUID, received: bool, etag: str) -> Any:
    """Says that old parts were sent, or received."""
    async with uow:
        claim = await _locked(uow, scope, claim_id, etag)
        steps = (claim.SENT, claim.RECEIVED) if received else (claim.REQUESTED, claim.SENT)
        claim.move_parts(*steps)
        return await _told(uow, claim, "receive_parts" if received else "send_parts", None)


async def pay(*, uow: UnitOfWork, scope: Scope, claim_id: uuid.UUID, reference: str, etag: str) -> Any:
    """Says that a claim was paid."""
    async with uow:
        claim = await _locked(uow, scope, claim_id, etag)
        claim.pay(reference, uow.now)
        return await _told(uow, claim, "pay", events.paid)


async def reverse_repair_order(
    *, uow: UnitOfWork, scope: Scope, repair_order_id: uuid.UUID, reason: str, etag: str
) -> Any:
    """Reverses a closed order; the claim for it falls, and the car is looked at anew."""
    async with uow:
        order = await _closed(uow, scope, repair_order_id)
        order.check_etag(etag)
        if await repository.remedied_a_recall(uow.session, repair_order_id, order.vin):
            raise RepairOrderRemediedRecall()
        order.reverse()
        claim = await repository.lock_standing(uow.session, repair_order_id)
        if claim is not None:
            was_paid = claim.reverse()
            await uow.flush()
            uow.emit(events.fell(claim, was_paid=was_paid), of=claim)
        await uow.flush()
        uow.emit(events.repair_order_reversed(order, reason), of=order)
        await lemon.look_later(uow, [order])
        await maintenance.look_later(uow, [order.vin])
        uow.audit("reverse", "repair_order", str(repair_order_id))
        return await uow.answer(order)
