"""What people did after they were written to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from marque.customer.v1 import interaction_pb2, lead_pb2, test_drive_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_campaign.errors import CONSTRAINTS
from marque_campaign.rules import kinds
from marque_campaign.usecases import plan, registering, responding, triggering
from marque_campaign.usecases.responding import Deed

_EFFECTS = frozenset({"campaign_responses", "campaign_runs", "campaign_sends"})
_REPLIES = frozenset(
    {
        interaction_pb2.INTERACTION_KIND_CALL,
        interaction_pb2.INTERACTION_KIND_EMAIL,
        interaction_pb2.INTERACTION_KIND_MESSAGE,
        interaction_pb2.INTERACTION_KIND_CHAT,
    }
)


def _interaction(data: Any) -> Deed | None:
    """Somebody wrote, called or came by: of what they did themselves."""
    if data.direction != interaction_pb2.INTERACTION_DIRECTION_INBOUND:
        return None
    visit = data.kind == interaction_pb2.INTERACTION_KIND_VISIT
    if not visit and data.kind not in _REPLIES:
        return None
    moment = (data.begin_time if data.HasField("begin_time") else data.occur_time).ToDatetime(UTC)
    return _deed(kinds.VISIT if visit else kinds.REPLY, f"interaction:{data.interaction_id}", data, moment)


def _lead(data: Any) -> Deed | None:
    """Somebody became a lead."""
    return _deed(kinds.REGISTRATION, f"lead:{data.lead_id}", data, data.occur_time.ToDatetime(UTC))


def _test_drive(data: Any) -> Deed | None:
    """Somebody drove a car."""
    if data.state != test_drive_pb2.TEST_DRIVE_STATE_DONE:
        return None
    return _deed(kinds.TEST_DRIVE, f"test_drive:{data.test_drive_id}", data, data.occur_time.ToDatetime(UTC))


def _visit(data: Any) -> Deed | None:
    """Somebody brought a car."""
    return _deed(kinds.VISIT, f"repair_order:{data.repair_order_id}", data, data.open_time.ToDatetime(UTC))


def _sale(data: Any) -> Deed | None:
    """Somebody bought a car: on the day of the invoice, at its end, but not after we know of it."""
    told, known = data.invoice_date, data.occur_time.ToDatetime(UTC)
    moment = min(known, datetime(told.year, told.month, told.day, 23, 59, tzinfo=UTC)) if told.year else known
    return _deed(kinds.PURCHASE, f"sale:{data.sale_id}", data, moment)


def _deed(kind: int, key: str, data: Any, moment: datetime) -> Deed | None:
    if not data.customer_id:
        return None
    dealer = uuid.UUID(data.dealer_id) if data.dealer_id else None
    return Deed(kind, key, uuid.UUID(data.customer_id), dealer, moment)


def _none(data: Any) -> Deed | None:
    """No deed of the person: somebody has their lead now, or nobody has, or it is said again."""
    return None


_LEAD = "marque.customer.v1.Lead"
_CAME, _GIVEN, _MOVED, _AGAIN = (_LEAD + done for done in ("Created", "Assigned", "StageChanged", "Snapshot"))
_OF_CUSTOMER: dict[str, Callable[[Any], Deed | None]] = {
    "marque.customer.v1.InteractionLogged": _interaction,
    _CAME: _lead,
    **dict.fromkeys((_GIVEN, _MOVED, _AGAIN), _none),
    "marque.customer.v1.TestDriveStateChanged": _test_drive,
}
_OF_VEHICLE: dict[str, Callable[[Any], Deed | None]] = {
    "marque.vehicle.v1.RepairOrderOpened": _visit,
    "marque.vehicle.v1.SaleRecorded": _sale,
}
_READ = {**_OF_CUSTOMER, **_OF_VEHICLE}
_DRIVE = "marque.customer.v1.TestDriveStateChanged"
_UNDONE = {
    "marque.vehicle.v1.SaleReversed": lambda data: f"sale:{data.sale_id}",
    "marque.vehicle.v1.RepairOrderReversed": lambda data: f"repair_order:{data.repair_order_id}",
}


async def on_deeds(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """People did something, or it was taken back: in their order, and as many as may be at once."""
    await plan.hear_leads(uow, [told for event in events if (told := _of_lead(event)) is not None])
    waiting: dict[uuid.UUID, Deed] = {}
    for event in events:
        if key := _undone(event):
            await _did(uow, waiting)
            await _undid(uow, key, event.data)
        elif (deed := _READ[event.type](event.data)) is not None:
            if event.type == _DRIVE:
                deed = await _of_event(uow, deed, event.data.event_registration_id)  # type: ignore[attr-defined]
            if deed.customer_id in waiting:  # what a deed brought about may be what the next one is owed to
                await _did(uow, waiting)
            waiting[deed.customer_id] = deed
    await _did(uow, waiting)


def _undone(event: Event) -> str:
    """The key of the deed that an event takes back; empty for none. A drive at an event is, where the person did not come after all."""
    data: Any = event.data
    if event.type == _DRIVE:
        missed = data.event_registration_id and data.state == test_drive_pb2.TEST_DRIVE_STATE_NO_SHOW
        return f"test_drive:{data.test_drive_id}" if missed else ""
    key = _UNDONE.get(event.type)
    return key(data) if key is not None else ""


async def _of_event(uow: UnitOfWork, deed: Deed, registration_id: str) -> Deed:
    """A drive at an event is owed to the message that brought the person there, whatever the rule."""
    if not registration_id:
        return deed
    return replace(deed, proof=await registering.brought_by(uow, uuid.UUID(registration_id)))


def _of_lead(event: Event) -> dict[str, Any] | None:
    """What is told of a lead, without whose it is; None where nothing is that counts. Taken from its dealer it is nobody's."""
    data: Any = event.data
    taken = event.type == _MOVED
    if not event.type.startswith(_LEAD) or (taken and data.stage != lead_pb2.LEAD_STAGE_RECYCLED):
        return None
    came = {_CAME: "occur_time", _AGAIN: "create_time"}.get(event.type)
    return {
        "lead_id": uuid.UUID(data.lead_id),
        "dealer_id": uuid.UUID(data.dealer_id) if data.dealer_id and not taken else None,
        "source": data.source if came else None,
        "create_time": getattr(data, came).ToDatetime(UTC) if came else None,
        "heard_version": event.version,
    }


async def _did(uow: UnitOfWork, waiting: dict[uuid.UUID, Deed]) -> None:
    deeds = list(waiting.values())
    waiting.clear()
    if deeds:
        # First what they are owed to: what they bring about came after it.
        await responding.responded(uow, deeds)
        await triggering.happened(uow, deeds)


async def _undid(uow: UnitOfWork, key: str, data: Any) -> None:
    await responding.taken_back(uow, key=key)
    if person := getattr(data, "customer_id", ""):  # a visit that is taken back names nobody
        await triggering.undone(uow, key=key, customer_id=uuid.UUID(person))


def responses() -> list[Subscription]:
    """Returns those by which it is heard what people did. What is said again is no deed, which counts once, when it is done; leads are
    counted for plans of marketing beside.
    """
    return [
        Subscription(
            "campaign_deeds",
            "customer",
            {},
            CONSTRAINTS,
            groups=dict.fromkeys(_OF_CUSTOMER, on_deeds),
            rebuilds={"known_leads": _AGAIN},
            effects=_EFFECTS,
        ),
        Subscription(
            "campaign_visits",
            "vehicle",
            {},
            CONSTRAINTS,
            groups=dict.fromkeys((*_OF_VEHICLE, *_UNDONE), on_deeds),
            effects=_EFFECTS,
        ),
    ]
