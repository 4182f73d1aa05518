"""What the customer service hears from others: sales and visits for the time line, ownerships and plates for look-ups and search,
dealers for scope.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from marque.complaint.v1 import case_types_pb2
from marque.customer.v1 import interaction_pb2
from marque.vehicle.v1 import repair_order_types_pb2, sale_pb2
from servicekit import dealers, staff
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_customer.errors import CONSTRAINTS
from marque_customer.repository.deeds import SALES, VISITS, Deed
from marque_customer.repository.notes import Note
from marque_customer.rules.kinds import RELATION_SALE, RELATION_VISIT
from marque_customer.subscribers import campaigns
from marque_customer.usecases import call_backs, cases, interactions, outreach, plates
from marque_customer.usecases.leads import calendars
from marque_customer.usecases.leads import clock as leads
from marque_customer.usecases.lifecycle import hearing

_PLATE = "plate_number"
_CASE_RECEIVED, _CASE_CLOSED = "marque.complaint.v1.CaseReceived", "marque.complaint.v1.CaseClosed"
_CASE_REOPENED, _CASE_LINKED = "marque.complaint.v1.CaseReopened", "marque.complaint.v1.CaseLinked"
_CASE_WORDS = {_CASE_RECEIVED: "case.received", _CASE_CLOSED: "case.closed", _CASE_REOPENED: "case.reopened"}
_CLOSED = case_types_pb2.CASE_STATE_CLOSED
_SOLD = "marque.vehicle.v1.SaleRecorded"
_REVERSED = "marque.vehicle.v1.SaleReversed"
_PAID = frozenset({_SOLD, "marque.vehicle.v1.RepairOrderClosed"})  # after these it is known what was paid
_SENT, _LOST_REASON = "marque.campaign.v1.MessageSent", "marque.survey.v1.SurveyLostReasonTold"
_CAMPAIGN, _SURVEY = interaction_pb2.INTERACTION_KIND_CAMPAIGN, interaction_pb2.INTERACTION_KIND_SURVEY
_OUTREACH = {
    _SENT: (_CAMPAIGN, "campaign.sent", "campaign.send"),
    "marque.survey.v1.SurveyInvited": (_SURVEY, "survey.invited", "survey.invitation"),
    "marque.survey.v1.SurveyAnswered": (_SURVEY, "survey.answered", "survey.invitation"),
    _LOST_REASON: (_SURVEY, "survey.lost_reason_told", "survey.invitation"),
}
_LEAD_TABLES = frozenset({"leads", "lead_changes", "tasks"})
_SALE, _SERVICE = interaction_pb2.INTERACTION_KIND_SALE, interaction_pb2.INTERACTION_KIND_SERVICE


async def on_touches(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Sales and visits stand on the time line of whom they are about, and begin the dealer's relation.

    A visit whose customer nobody knows belongs to no time line.
    """
    found = [_NOTES[event.type](event.data) for event in events if event.data.customer_id]  # type: ignore[attr-defined]
    if found:
        await interactions.note(uow=uow, notes=found)
        told = [_deed(event) for event in events if event.data.customer_id]  # type: ignore[attr-defined]
        await hearing.note_deeds(
            uow=uow, deeds=told, ended=[uuid.UUID(event.key) for event in events if event.type in _PAID]
        )
        sales = [event.data for event in events if event.type == _SOLD and event.data.customer_id]  # type: ignore[attr-defined]
        if sales:
            await leads.won_by_sale(uow, [_sold(sale) for sale in sales])


def _sold(sale: Any) -> tuple[uuid.UUID, uuid.UUID, str]:
    return uuid.UUID(sale.customer_id), uuid.UUID(sale.dealer_id), sale.sale_id


async def on_deed_snapshots(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """The states of sales and repair orders, for a read model that is rebuilt."""
    if found := [_deed(event) for event in events if event.data.customer_id]:  # type: ignore[attr-defined]
        await hearing.restore_deeds(uow=uow, deeds=found)


def _deed(event: Event) -> Deed:
    """What an event or snapshot tells of a sale or repair order. A visit is when the car was checked in, a sale the day of its invoice."""
    data: Any = event.data
    sale = event.type.startswith("marque.vehicle.v1.Sale")
    if sale:
        standing = event.type != _REVERSED and getattr(data, "state", 0) != sale_pb2.SALE_STATE_REVERSED
        moment = None if event.type == _REVERSED else _noon(data.invoice_date) or data.occur_time.ToDatetime(UTC)
    else:
        standing = getattr(data, "state", 0) != repair_order_types_pb2.REPAIR_ORDER_STATE_REVERSED
        moment = data.open_time.ToDatetime(UTC)
    table, key = (SALES, data.sale_id) if sale else (VISITS, data.repair_order_id)
    person, dealer = uuid.UUID(data.customer_id), uuid.UUID(data.dealer_id)
    return Deed(table, uuid.UUID(key), person, data.vin, dealer, moment, standing, event.version)


async def on_assignment_made(uow: UnitOfWork, event: Event) -> None:
    """Network found an adviser for a lead, or somebody to call back, that had waited in its queue."""
    data: Any = event.data
    if data.item_type == "customer.lead" and data.dealer_id and data.staff_id:
        await leads.take_adviser(uow, uuid.UUID(data.item_id), uuid.UUID(data.dealer_id), uuid.UUID(data.staff_id))
    elif data.item_type == "customer.task" and data.staff_id:
        await call_backs.take_staff(uow, uuid.UUID(data.item_id), uuid.UUID(data.staff_id))


async def on_calendar_changed(uow: UnitOfWork, event: Event) -> None:
    """A dealer has other hours: the clocks of its leads are computed anew when they were asked for."""
    data: Any = event.data
    await calendars.mark_stale(uow=uow, dealer_id=uuid.UUID(data.dealer_id), department=data.department)


def _sale_recorded(sale: Any) -> Note:
    moment = _noon(sale.invoice_date) or sale.occur_time.ToDatetime(UTC)
    return _note(sale, _SALE, "sale.recorded", ("vehicle.sale", sale.sale_id), moment, RELATION_SALE)


def _sale_reversed(sale: Any) -> Note:
    """A reversal stands beside the sale. The dealer had to do with the person all the same: the relation stays."""
    moment, params = sale.occur_time.ToDatetime(UTC), {"reason": sale.reason}
    return _note(sale, _SALE, "sale.reversed", ("vehicle.sale", sale.sale_id), moment, 0, params)


def _repair_order_opened(order: Any) -> Note:
    """A check-in is a visit."""
    moment = order.open_time.ToDatetime(UTC)
    return _note(order, _SERVICE, "repair_order.opened", _thing(order), moment, RELATION_VISIT, _odometer(order))


def _repair_order_closed(order: Any) -> Note:
    """The end of a visit."""
    moment, params = order.close_time.ToDatetime(UTC), _odometer(order)
    if order.comeback:
        params["comeback"] = "true"
    return _note(order, _SERVICE, "repair_order.closed", _thing(order), moment, RELATION_VISIT, params)


def _odometer(order: Any) -> dict[str, str]:
    return {"odometer_km": str(order.odometer_km)} if order.odometer_km else {}


def _note(
    data: Any,
    kind: int,
    sentence: str,
    thing: tuple[str, str],
    moment: datetime,
    relation_kind: int,
    params: dict[str, str] | None = None,
) -> Note:
    customer_id, dealer_id = uuid.UUID(data.customer_id), uuid.UUID(data.dealer_id)
    return Note(customer_id, kind, sentence, thing, dealer_id, data.vin, moment, relation_kind, params or {})


_NOTES: dict[str, Callable[[Any], Note]] = {
    "marque.vehicle.v1.SaleRecorded": _sale_recorded,
    "marque.vehicle.v1.SaleReversed": _sale_reversed,
    "marque.vehicle.v1.RepairOrderOpened": _repair_order_opened,
    "marque.vehicle.v1.RepairOrderClosed": _repair_order_closed,
}


def _noon(date: Any) -> datetime | None:
    """The moment at which a date stands on the time line: noon UTC is the same day almost everywhere. None for an incomplete date."""
    return datetime(date.year, date.month, date.day, 12, tzinfo=UTC) if date.year and date.month and date.day else None


def _thing(order: Any) -> tuple[str, str]:
    return "vehicle.repair_order", order.repair_order_id


async def on_ownership_started(uow: UnitOfWork, event: Event) -> None:
    """A person may be found by this car from now on, or, where its end was taken back, again."""
    await _note_car(uow, event, **_span(event.data))


async def on_ownership_ended(uow: UnitOfWork, event: Event) -> None:
    """A person is no longer found by this car."""
    data: Any = event.data
    await _note_car(uow, event, valid_end_time=data.valid_end_time.ToDatetime(UTC), voided=data.voided)


async def on_ownership_snapshots(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """The states of ownerships, for a read model that is rebuilt: they trigger nothing."""
    known: dict[str, Event] = {}
    for event in events:
        if event.data.customer_id and (event.key not in known or known[event.key].version <= event.version):  # type: ignore[attr-defined]
            known[event.key] = event
    if known:
        await interactions.note_cars(uow=uow, rows=[_whole(event) for event in known.values()])


def _whole(event: Event) -> dict[str, Any]:
    data: Any = event.data
    return {**_ownership(event), "voided": data.voided, **_span(data)}


async def on_vehicle_updated(uow: UnitOfWork, event: Event) -> None:
    """Another plate: asked for later, as events carry none."""
    data: Any = event.data
    if _PLATE in data.changed_fields:
        await plates.mark_stale(uow=uow, vin=data.vin)


def _span(data: Any) -> dict[str, Any]:
    end = data.valid_end_time.ToDatetime(UTC) if data.HasField("valid_end_time") else None
    return {"valid_start_time": data.valid_start_time.ToDatetime(UTC), "valid_end_time": end}


async def _note_car(uow: UnitOfWork, event: Event, **values: Any) -> None:
    if not event.data.customer_id:  # type: ignore[attr-defined]
        return  # of a person who was erased: there is nobody to be found by this car
    known = _ownership(event)
    await interactions.note_car(uow=uow, values={**known, **values})
    await hearing.mark(uow=uow, customer_ids=[known["customer_id"]])


def _ownership(event: Event) -> dict[str, Any]:
    data: Any = event.data
    return {
        "ownership_id": uuid.UUID(data.ownership_id),
        "customer_id": uuid.UUID(data.customer_id),
        "vin": data.vin,
        "role": data.role,
        "version": event.version,
    }


async def on_case_moved(uow: UnitOfWork, event: Event) -> None:
    """A complaint was taken, closed, opened again or tied to somebody: contacts are held while it is open, and the time line tells of it.

    A case that is tied to nobody any more frees whose it was.
    """
    data: Any = event.data
    owner = data.customer_id or getattr(data, "former_customer_id", "")
    if not owner:
        return
    is_open = bool(data.customer_id) and event.type != _CASE_CLOSED and getattr(data, "state", 0) != _CLOSED
    about = {"customer_id": uuid.UUID(owner), "case_id": data.case_id}
    await cases.hold(uow=uow, **about, version=event.version, is_open=is_open)
    if (sentence := _CASE_WORDS.get(event.type)) and data.customer_id:
        at = data.receive_time if event.type == _CASE_RECEIVED else data.occur_time
        dealer = uuid.UUID(data.dealer_id) if data.dealer_id else None
        moment = at.ToDatetime(UTC)
        await cases.note(uow=uow, **about, dealer_id=dealer, vin=data.vin, sentence=sentence, at=moment)


async def on_outreach(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Messages of campaigns, invitations of surveys and their answers stand on the time line of whom they went to.

    An answer whose person was promised that nobody learns it names no customer.
    """
    told = [event for event in events if event.data.customer_id]  # type: ignore[attr-defined]
    if told:
        answers = {event.key: _lost(event.data) for event in told if event.type == _LOST_REASON}
        await outreach.note(uow=uow, notes=[_outreach(event) for event in told], answers=answers)


def _outreach(event: Event) -> Note:
    data: Any = event.data
    kind, sentence, thing = _OUTREACH[event.type]
    dealer, vin = getattr(data, "dealer_id", ""), getattr(data, "vin", "")
    about = (uuid.UUID(data.customer_id), kind, sentence, (thing, event.key))
    params = {"campaign_id": data.campaign_id} if event.type == _SENT else {}
    return Note(*about, uuid.UUID(dealer) if dealer else None, vin, data.occur_time.ToDatetime(UTC), params=params)


def _lost(data: Any) -> dict[str, Any]:
    return {
        "invitation_id": uuid.UUID(data.invitation_id),
        "customer_id": uuid.UUID(data.customer_id),
        "dealer_id": uuid.UUID(data.dealer_id) if data.dealer_id else None,
        "vin": data.vin,
        "reasons": list(data.reasons),
        "tell_time": data.occur_time.ToDatetime(UTC),
    }


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    vehicle = {
        "marque.vehicle.v1.OwnershipStarted": on_ownership_started,
        "marque.vehicle.v1.OwnershipEnded": on_ownership_ended,
        "marque.vehicle.v1.VehicleUpdated": on_vehicle_updated,
    }
    return [
        Subscription(
            "customer_vehicle",
            "vehicle",
            vehicle,
            CONSTRAINTS,
            lane="customer_id",
            groups={
                **dict.fromkeys(_NOTES, on_touches),
                "marque.vehicle.v1.OwnershipSnapshot": on_ownership_snapshots,
                "marque.vehicle.v1.SaleSnapshot": on_deed_snapshots,
                "marque.vehicle.v1.RepairOrderSnapshot": on_deed_snapshots,
            },
            rebuilds={
                "known_cars": "marque.vehicle.v1.OwnershipSnapshot",
                SALES: "marque.vehicle.v1.SaleSnapshot",
                VISITS: "marque.vehicle.v1.RepairOrderSnapshot",
            },
            effects=frozenset({"customers", "interactions", "relations", "dealer_customers"})
            | {"customer_values", "spend_entries", "profile_stale"}
            | _LEAD_TABLES,
        ),
        Subscription(
            "customer_network",
            "network",
            {
                **dealers.handlers(),
                **staff.handlers(),
                "marque.network.v1.AssignmentMade": on_assignment_made,
                "marque.network.v1.CalendarChanged": on_calendar_changed,
            },
            CONSTRAINTS,
            rebuilds={**dealers.REBUILDS, **staff.REBUILDS},
            effects=_LEAD_TABLES | {"known_calendars"},
        ),
        Subscription(
            "customer_complaint",
            "complaint",
            dict.fromkeys((_CASE_RECEIVED, _CASE_CLOSED, _CASE_REOPENED, _CASE_LINKED), on_case_moved),
            CONSTRAINTS,
            effects=frozenset({"contact_holds", "interactions"}),
        ),
        Subscription(
            "customer_campaign",
            "campaign",
            {},
            CONSTRAINTS,
            lane="customer_id",
            groups={_SENT: on_outreach},
            effects=frozenset({"interactions"}),
        ),
        *campaigns.subscriptions(),
        Subscription(
            "customer_survey",
            "survey",
            {},
            CONSTRAINTS,
            lane="customer_id",
            groups=dict.fromkeys((name for name in _OUTREACH if name != _SENT), on_outreach),
            effects=frozenset({"interactions", "lost_reasons"}),
        ),
    ]
