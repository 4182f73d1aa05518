"""What the customer service hears from others: sales and visits for the time line, ownerships and plates for look-ups and search,
dealers for scope.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from marque.customer.v1 import interaction_pb2
from servicekit import dealers
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_customer.errors import CONSTRAINTS
from marque_customer.rules.kinds import RELATION_SALE, RELATION_VISIT
from marque_customer.usecases import interactions, plates

_PLATE = "plate_number"
_SALE, _SERVICE = interaction_pb2.INTERACTION_KIND_SALE, interaction_pb2.INTERACTION_KIND_SERVICE


async def on_sale_recorded(uow: UnitOfWork, event: Event) -> None:
    """A sale makes the buyer an owner on the time line and begins the dealer's relation."""
    sale: Any = event.data
    moment = Timestamp()
    moment.FromDatetime(_noon(sale.invoice_date) or sale.occur_time.ToDatetime(UTC))
    await _note(uow, sale, _SALE, "sale.recorded", ("vehicle.sale", sale.sale_id), {}, RELATION_SALE, moment)


async def on_sale_reversed(uow: UnitOfWork, event: Event) -> None:
    """A reversal stands on the time line beside the sale. The dealer had to do with the person all the same: the relation stays."""
    sale: Any = event.data
    await _note(uow, sale, _SALE, "sale.reversed", ("vehicle.sale", sale.sale_id), {"reason": sale.reason}, 0)


async def on_repair_order_opened(uow: UnitOfWork, event: Event) -> None:
    """A check-in is a visit: it stands on the time line and begins the station's relation."""
    order: Any = event.data
    params = {"odometer_km": str(order.odometer_km)} if order.odometer_km else {}
    await _note(uow, order, _SERVICE, "repair_order.opened", _thing(order), params, RELATION_VISIT, order.open_time)


async def on_repair_order_closed(uow: UnitOfWork, event: Event) -> None:
    """The end of a visit stands on the time line."""
    order: Any = event.data
    params = {"odometer_km": str(order.odometer_km)} if order.odometer_km else {}
    if order.comeback:
        params["comeback"] = "true"
    await _note(uow, order, _SERVICE, "repair_order.closed", _thing(order), params, RELATION_VISIT, order.close_time)


def _noon(date: Any) -> datetime | None:
    """The moment at which a date stands on the time line: noon UTC is the same day almost everywhere. None for an incomplete date."""
    return datetime(date.year, date.month, date.day, 12, tzinfo=UTC) if date.year and date.month and date.day else None


def _thing(order: Any) -> tuple[str, str]:
    return "vehicle.repair_order", order.repair_order_id


async def _note(
    uow: UnitOfWork,
    data: Any,
    kind: int,
    sentence: str,
    thing: tuple[str, str],
    params: dict[str, str],
    relation_kind: int,
    moment: Any = None,
) -> None:
    if not data.customer_id:
        return  # a visit whose customer nobody knows belongs to no time line
    await interactions.note(
        uow=uow,
        customer_id=uuid.UUID(data.customer_id),
        kind=kind,
        sentence=sentence,
        thing=thing,
        dealer_id=uuid.UUID(data.dealer_id),
        vin=data.vin,
        moment=(moment or data.occur_time).ToDatetime(UTC),
        params=params,
        relation_kind=relation_kind,
    )


async def on_ownership_started(uow: UnitOfWork, event: Event) -> None:
    """A person may be found by this car from now on, or, where its end was taken back, again."""
    await _note_car(uow, event, **_span(event.data))


async def on_ownership_ended(uow: UnitOfWork, event: Event) -> None:
    """A person is no longer found by this car."""
    data: Any = event.data
    await _note_car(uow, event, valid_end_time=data.valid_end_time.ToDatetime(UTC), voided=data.voided)


async def on_ownership_snapshot(uow: UnitOfWork, event: Event) -> None:
    """The state of an ownership, for a read model that is rebuilt."""
    data: Any = event.data
    await _note_car(uow, event, voided=data.voided, **_span(data))
    await plates.mark_stale(uow=uow, vin=data.vin)


async def on_vehicle_updated(uow: UnitOfWork, event: Event) -> None:
    """Another plate: asked for later, as events carry none."""
    data: Any = event.data
    if _PLATE in data.changed_fields:
        await plates.mark_stale(uow=uow, vin=data.vin)


def _span(data: Any) -> dict[str, Any]:
    end = data.valid_end_time.ToDatetime(UTC) if data.HasField("valid_end_time") else None
    return {"valid_start_time": data.valid_start_time.ToDatetime(UTC), "valid_end_time": end}


async def _note_car(uow: UnitOfWork, event: Event, **values: Any) -> None:
    data: Any = event.data
    if not data.customer_id:
        return  # of a person who was erased: there is nobody to be found by this car
    await interactions.note_car(
        uow=uow,
        values={
            "ownership_id": uuid.UUID(data.ownership_id),
            "customer_id": uuid.UUID(data.customer_id),
            "vin": data.vin,
            "role": data.role,
            "version": event.version,
            **values,
        },
    )


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    vehicle = {
        "marque.vehicle.v1.SaleRecorded": on_sale_recorded,
        "marque.vehicle.v1.SaleReversed": on_sale_reversed,
        "marque.vehicle.v1.RepairOrderOpened": on_repair_order_opened,
        "marque.vehicle.v1.RepairOrderClosed": on_repair_order_closed,
        "marque.vehicle.v1.OwnershipStarted": on_ownership_started,
        "marque.vehicle.v1.OwnershipEnded": on_ownership_ended,
        "marque.vehicle.v1.OwnershipSnapshot": on_ownership_snapshot,
        "marque.vehicle.v1.VehicleUpdated": on_vehicle_updated,
    }
    return [
        Subscription("customer_vehicle", "vehicle", vehicle, CONSTRAINTS, lane="customer_id"),
        Subscription("customer_network", "network", dealers.handlers(), CONSTRAINTS),
    ]
