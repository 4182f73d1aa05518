"""What people did after they were written to."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from marque.customer.v1 import interaction_pb2, test_drive_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_campaign.errors import CONSTRAINTS
from marque_campaign.rules import kinds
from marque_campaign.usecases import responding, triggering

_EFFECTS = frozenset({"campaign_responses", "campaign_sends"})
_REPLIES = frozenset(
    {
        interaction_pb2.INTERACTION_KIND_CALL,
        interaction_pb2.INTERACTION_KIND_EMAIL,
        interaction_pb2.INTERACTION_KIND_MESSAGE,
        interaction_pb2.INTERACTION_KIND_CHAT,
    }
)


async def on_interaction_logged(uow: UnitOfWork, event: Event) -> None:
    """Somebody wrote, called or came by: of what they did themselves."""
    data: Any = event.data
    if data.direction != interaction_pb2.INTERACTION_DIRECTION_INBOUND:
        return
    visit = data.kind == interaction_pb2.INTERACTION_KIND_VISIT
    if visit or data.kind in _REPLIES:
        moment = (data.begin_time if data.HasField("begin_time") else data.occur_time).ToDatetime(UTC)
        kind = kinds.VISIT if visit else kinds.REPLY
        await _did(uow, kind, f"interaction:{data.interaction_id}", data, moment)


async def on_lead_created(uow: UnitOfWork, event: Event) -> None:
    """Somebody became a lead."""
    data: Any = event.data
    await _did(uow, kinds.REGISTRATION, f"lead:{data.lead_id}", data, data.occur_time.ToDatetime(UTC))


async def on_test_drive_changed(uow: UnitOfWork, event: Event) -> None:
    """Somebody drove a car."""
    data: Any = event.data
    if data.state == test_drive_pb2.TEST_DRIVE_STATE_DONE:
        await _did(uow, kinds.TEST_DRIVE, f"test_drive:{data.test_drive_id}", data, data.occur_time.ToDatetime(UTC))


async def on_repair_order_opened(uow: UnitOfWork, event: Event) -> None:
    """Somebody brought a car."""
    data: Any = event.data
    await _did(uow, kinds.VISIT, f"repair_order:{data.repair_order_id}", data, data.open_time.ToDatetime(UTC))


async def on_sale_recorded(uow: UnitOfWork, event: Event) -> None:
    """Somebody bought a car: on the day of the invoice, at its end, but not after we know of it."""
    data: Any = event.data
    told, known = data.invoice_date, data.occur_time.ToDatetime(UTC)
    moment = min(known, datetime(told.year, told.month, told.day, 23, 59, tzinfo=UTC)) if told.year else known
    await _did(uow, kinds.PURCHASE, f"sale:{data.sale_id}", data, moment)


async def on_sale_reversed(uow: UnitOfWork, event: Event) -> None:
    """A sale was taken back."""
    await _undid(uow, f"sale:{event.data.sale_id}", event.data)  # type: ignore[attr-defined]


async def on_repair_order_reversed(uow: UnitOfWork, event: Event) -> None:
    """A visit was taken back."""
    await _undid(uow, f"repair_order:{event.data.repair_order_id}", event.data)  # type: ignore[attr-defined]


async def _did(uow: UnitOfWork, kind: int, key: str, data: Any, moment: datetime) -> None:
    if not data.customer_id:
        return
    person, dealer = uuid.UUID(data.customer_id), uuid.UUID(data.dealer_id) if data.dealer_id else None
    # First what it is owed to: what it brings about came after it.
    await responding.responded(uow, kind=kind, key=key, customer_id=person, moment=moment)
    await triggering.happened(uow, kind=kind, key=key, customer_id=person, dealer_id=dealer, moment=moment)


async def _undid(uow: UnitOfWork, key: str, data: Any) -> None:
    await responding.taken_back(uow, key=key)
    if person := getattr(data, "customer_id", ""):  # a visit that is taken back names nobody
        await triggering.undone(uow, key=key, customer_id=uuid.UUID(person))


def responses() -> list[Subscription]:
    """Returns those by which it is heard what people did. Snapshots are not: a deed counts once, when it is done."""
    return [
        Subscription(
            "campaign_deeds",
            "customer",
            {
                "marque.customer.v1.InteractionLogged": on_interaction_logged,
                "marque.customer.v1.LeadCreated": on_lead_created,
                "marque.customer.v1.TestDriveStateChanged": on_test_drive_changed,
            },
            CONSTRAINTS,
            effects=_EFFECTS,
        ),
        Subscription(
            "campaign_visits",
            "vehicle",
            {
                "marque.vehicle.v1.RepairOrderOpened": on_repair_order_opened,
                "marque.vehicle.v1.RepairOrderReversed": on_repair_order_reversed,
                "marque.vehicle.v1.SaleRecorded": on_sale_recorded,
                "marque.vehicle.v1.SaleReversed": on_sale_reversed,
            },
            CONSTRAINTS,
            effects=_EFFECTS,
        ),
    ]
