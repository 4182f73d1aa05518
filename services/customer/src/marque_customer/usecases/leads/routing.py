"""Where a lead goes: by territory, make and capacity, with reasons. Network is asked outside every transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc.aio
import orjson
from marque.network.v1 import dealer_service_pb2
from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.telemetry import logs, metrics, spans

from marque_customer.clients import Network
from marque_customer.errors import LeadNotFound
from marque_customer.repository import lead_work
from marque_customer.rules import leads as rules
from marque_customer.usecases.leads import common

log = logs.get_logger(__name__)
AT_ONCE = 50
_AGAIN = timedelta(minutes=10)
_CALL = "sweep:lead-routes"
_REASONS = {
    dealer_service_pb2.PLACE_REASON_POSTCODE: "TERRITORY_POSTCODE",
    dealer_service_pb2.PLACE_REASON_AREA: "TERRITORY_AREA",
    dealer_service_pb2.PLACE_REASON_NEAREST: "NEAREST",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A dealer for a lead, and why it."""

    dealer_id: uuid.UUID
    reasons: tuple[dict[str, Any], ...]


async def sweep(*, work: Work, network: Network) -> bool:
    """Finds dealers and advisers for up to 50 leads, and ends what is closed at network; returns whether more may be left.

    Raises Unavailable while network is away: who waits goes on waiting.
    """
    rows = await lead_work.waiting(work.reader, AT_ONCE)
    for row in rows:
        with spans.resumed_span("lead.route", row["traceparent"]):
            await _route(work, network, row)
    ended = await lead_work.ended(work.reader, AT_ONCE)
    for row in ended:
        await network.end(row["assignment_id"])
    if ended:
        async with work(Call(SYSTEM, _CALL)) as uow:
            await lead_work.forget_assignments(uow.session, [row["lead_id"] for row in ended])
    return len(rows) == AT_ONCE or len(ended) == AT_ONCE


async def _route(work: Work, network: Network, row: Any) -> None:
    try:
        choice = await _choose(work, network, row)
        found = await network.assign(row["lead_id"], choice.dealer_id, row["route_round"]) if choice else None
    except grpc.aio.AioRpcError as error:
        # An answer about this lead, such as a place that is none: it must not keep the others from their dealers.
        log.warning("a lead cannot be routed", extra={"lead_id": str(row["lead_id"]), "code": error.code().name})
        choice, found = None, None
    async with work(Call(SYSTEM, _CALL)) as uow:
        try:
            await _apply(uow, row, choice, found)
        except LeadNotFound:  # erased meanwhile
            return


async def _choose(work: Work, network: Network, row: Any) -> Choice | None:
    if row["dealer_id"] is not None:
        return Choice(row["dealer_id"], ())
    candidates = await _candidates(work, network, row)
    passed = set(row["passed_dealers"])
    candidates = [one for one in candidates if one.dealer_id not in passed]
    busy = await lead_work.busy(work.reader, [one.dealer_id for one in candidates], row["group_id"])
    async with work.read() as session:
        most = (await lead_work.latest_rules(session)).rules.get("max_open_leads", 0)
    skipped = 0
    for one in candidates:
        waiting, has_wish = busy.get(one.dealer_id, (0, False))
        if has_wish or (most and waiting >= most):
            skipped += 1
            continue
        more = ({"code": "OTHERS_FULL", "detail": str(skipped)},) if skipped else ()
        return Choice(one.dealer_id, (*one.reasons, {"code": "OPEN_LEADS", "detail": str(waiting)}, *more))
    return None


async def _candidates(work: Work, network: Network, row: Any) -> Sequence[Choice]:
    place = orjson.loads(row["place"])
    where = {name: value for name, value in place.items() if value not in ("", None)}
    if not (where.get("postal_code") and where.get("country_code")) and "latitude" not in where:
        known = await lead_work.related(work.reader, row["customer_id"])
        return [Choice(one, ({"code": "KNOWN_THERE"},)) for one in known]
    brand = row["brand"] or ""
    found = await network.dealers_for(where, brand)
    make: tuple[dict[str, Any], ...] = ({"code": "BRAND", "detail": brand},) if brand else ()
    if brand and not found:  # a make that nobody there stands for, or that the person writes in a way of their own
        found, make = await network.dealers_for(where, ""), ({"code": "ANY_BRAND"},)
    return [
        Choice(
            uuid.UUID(one.dealer.dealer_id),
            ({"code": _REASONS.get(one.reason, "NEAREST"), "detail": one.territory_code}, *make),
        )
        for one in found
    ]


async def _apply(uow: UnitOfWork, row: Any, choice: Choice | None, found: Any) -> None:
    lead, customer = await common.found(uow, row["lead_id"])
    if lead.route_round != row["route_round"] or lead.route_time is None or lead.dealer_id != row["dealer_id"]:
        return  # somebody was faster
    if choice is None or found is None:
        lead.hold(rules.NO_DEALER if lead.dealer_id is None else lead.held_reason, uow.now + _AGAIN)
        common.write_down(uow, lead, "HELD", lead.held_reason)
        await uow.flush()
        metrics.current().queue_waiting("lead_routing", await lead_work.held_count(uow.session))
        log.error("no dealer can take a lead", extra={"lead_id": str(lead.lead_id), "search": lead.route_round})
        return
    assignment_id, adviser = found
    lead.assignment_id = assignment_id
    if lead.dealer_id is None:
        await common.place(uow, lead, customer, choice.dealer_id, adviser, [dict(one) for one in choice.reasons], "")
    else:
        lead.route_time = None
        if adviser is not None and lead.adviser_staff_id is None:
            lead.adviser_staff_id = adviser
            common.write_down(uow, lead, "ASSIGNED", "ADVISER_FOUND")
            await uow.flush()
            common.say_assigned(uow, lead)
    uow.audit("route", "lead", str(lead.lead_id), ("dealer_id", "adviser_staff_id"))
