"""Recalls: gathering a scope, freezing it, remedying cars."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_vehicle.errors import RecallNotFound, RecallScopeEmpty, RecallVehicleNotFound, RecallVehicleRemedied
from marque_vehicle.events import recalls as events
from marque_vehicle.models import Recall
from marque_vehicle.repository import recall_cars as cars
from marque_vehicle.repository import recalls as repository
from marque_vehicle.rules import remedies

TELL = "recall.tell"
MOST_BY_RULE = 100_000  # cars of one rule: so many are written well within the time of a request
BY_REPAIR_ORDER = 1  # as kind of remedy
REMEDIED = 2  # as state of a car
_CHUNK = 1000


async def create_recall(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Creates a draft."""
    async with uow:
        recall = Recall(**values)
        uow.add(recall)
        await uow.flush()
        uow.audit("create", "recall", str(recall.recall_id))
        return await uow.answer(recall)


async def _locked(uow: UnitOfWork, recall_id: uuid.UUID, etag: str = "") -> Recall:
    recall = await repository.lock_recall(uow.session, recall_id)
    if recall is None:
        raise RecallNotFound()
    recall.check_etag(etag)
    return recall


async def update_recall(*, uow: UnitOfWork, recall_id: uuid.UUID, values: dict[str, Any], etag: str) -> Any:
    """Changes its words, or what remedies it."""
    async with uow:
        recall = await _locked(uow, recall_id, etag)
        changed = recall.change(values)
        await uow.flush()
        uow.audit("update", "recall", str(recall_id), tuple(changed))
        return await uow.answer(recall)


async def add_by_rule(*, uow: UnitOfWork, recall_id: uuid.UUID, rule: dict[str, Any]) -> Any:
    """Brings the cars that meet a rule now into the next version of the scope."""
    if not rule:
        raise InvalidArgument.of("make", "RULE_EMPTY", "Ask for something: a recall of every car is none.")
    async with uow:
        recall = await _locked(uow, recall_id)
        recall.check_not_closed()
        if await cars.count_by_rule(uow.session, rule, MOST_BY_RULE + 1) > MOST_BY_RULE:
            description = (
                f"More than {MOST_BY_RULE:,} cars meet the rule: give narrower ones one by one, or upload the list."
            )
            raise InvalidArgument.of("make", "RULE_TOO_WIDE", description)
        added = await cars.add_by_rule(uow.session, recall, rule)
        uow.audit("add_vehicles", "recall", str(recall_id), tuple(sorted(rule)))
        return await uow.answer(added)


async def open_recall(*, uow: UnitOfWork, recall_id: uuid.UUID, etag: str) -> Any:
    """Freezes the scope. No row of a car is written, whatever their number; they are told of afterwards, by and by."""
    async with uow:
        recall = await _locked(uow, recall_id, etag)
        recall.check_not_closed()
        scope = await cars.pending(uow.session, recall)
        if scope is None and recall.state == Recall.DRAFT:
            raise RecallScopeEmpty()
        if scope is not None:
            scope.freeze_time = uow.now
            recall.freeze(uow.now)
            uow.add(scope)
            await uow.flush()
            await uow.schedule(TELL, f"{recall_id}/{scope.scope_version}", uow.now)
            uow.emit(events.recall_opened(recall, scope), of=recall)
            uow.audit("open", "recall", str(recall_id))
        return await uow.answer(recall)


async def close_recall(*, uow: UnitOfWork, recall_id: uuid.UUID, etag: str) -> Any:
    """Ends a recall."""
    async with uow:
        recall = await _locked(uow, recall_id, etag)
        recall.close(uow.now)
        await uow.flush()
        uow.emit(events.recall_closed(recall), of=recall)
        uow.audit("close", "recall", str(recall_id))
        return await uow.answer(recall)


async def record_remedy(
    *, uow: UnitOfWork, recall_id: uuid.UUID, vin: str, kind: int, remedied: datetime | None
) -> Any:
    """Says that a car was remedied otherwise than by a repair order; again, nothing."""
    async with uow:
        moment = remedied or uow.now
        if moment > uow.now:
            raise InvalidArgument.of("remedy_time", "TIME_IN_FUTURE", "Give a moment that is not in the future.")
        recall = await _locked(uow, recall_id)
        recall.check_open()
        if await cars.car(uow.session, recall, vin) is None:
            raise RecallVehicleNotFound()
        await _remedy(uow, vin, {"recall_id": recall_id, "kind": kind, "moment": moment})
        uow.audit("record_remedy", "recall", str(recall_id))
        return await uow.answer(await cars.car(uow.session, recall, vin))


async def record_unreachable(
    *, uow: UnitOfWork, recall_id: uuid.UUID, vin: str, reason: int, found: datetime | None
) -> Any:
    """Says why a car cannot be remedied (0: nothing is known against it any more); again, nothing."""
    async with uow:
        moment = found or uow.now
        if moment > uow.now:
            raise InvalidArgument.of("found_time", "TIME_IN_FUTURE", "Give a moment that is not in the future.")
        recall = await _locked(uow, recall_id)
        recall.check_open()
        car = await cars.car(uow.session, recall, vin)
        if car is None:
            raise RecallVehicleNotFound()
        if reason and car.state == REMEDIED:
            raise RecallVehicleRemedied()
        await cars.note_unreachable(uow.session, recall, vin, reason, moment)
        uow.audit("record_unreachable", "recall", str(recall_id))
        return await uow.answer(await cars.car(uow.session, recall, vin))


async def _remedy(uow: UnitOfWork, vin: str, values: dict[str, Any]) -> None:
    for row in await cars.remedy(uow.session, vin, values):
        uow.emit(events.recall_remedied(row))
        uow.audit("remedy", "recall_vehicle", f"{row.recall_id}/{row.vin}")


async def remedied_by(uow: UnitOfWork, orders: Sequence[Any]) -> None:
    """Takes what closed repair orders remedied: `vin, lines, close_time, dealer_id, repair_order_id` of each. In the transaction that
    closes them, in the order of the cars.
    """
    for order in sorted(orders, key=lambda one: one.vin):
        operations, codes = remedies.named(order.lines)
        if operations or codes:
            values = {
                "kind": BY_REPAIR_ORDER, "moment": order.close_time, "operations": operations, "codes": codes,
                "dealer_id": order.dealer_id, "repair_order_id": order.repair_order_id,
            }  # fmt: skip
            await _remedy(uow, order.vin, values)


async def tell(uow: UnitOfWork, key: str) -> datetime | None:
    """Tells of the next cars of a new version, a thousand at a time, and takes what remedied them before. Killed at any moment it goes
    on behind the last car that was told of.
    """
    recall_id, version = key.split("/")
    scope = await cars.lock_scope(uow.session, uuid.UUID(recall_id), int(version))
    if scope is None:
        return None
    found = await cars.new_cars(uow.session, scope, _CHUNK)
    for row in found:
        uow.emit(events.vehicle_recalled(scope, row))
    await _remedied_before(uow, scope.recall_id, [row.vin for row in found])
    if len(found) < _CHUNK:
        return None
    scope.told_upto = found[-1].vin
    await uow.flush()
    return uow.now


async def _remedied_before(uow: UnitOfWork, recall_id: uuid.UUID, vins: Sequence[str]) -> None:
    recall = await repository.lock_recall(uow.session, recall_id)
    if recall is None or recall.state != Recall.OPEN:
        return
    patterns = remedies.patterns(recall.code, recall.remedy_operation_codes)
    for order in await cars.remedied_before(uow.session, vins, patterns):
        values = {
            "recall_id": recall_id, "kind": BY_REPAIR_ORDER, "moment": order.close_time, "dealer_id": order.dealer_id,
            "repair_order_id": order.repair_order_id,
        }  # fmt: skip
        await _remedy(uow, order.vin, values)
