"""The time line: touches that people log, and those that the platform's events leave."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from marque.customer.v1 import consent_pb2, interaction_events_pb2, relation_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_customer.errors import ConsentMissing, CustomerNotFound
from marque_customer.mapping.interactions import WEB
from marque_customer.models import Interaction
from marque_customer.repository import cars, families
from marque_customer.repository import customers as repository
from marque_customer.repository import notes as written
from marque_customer.repository.notes import Note
from marque_customer.rules import consents as rules
from marque_customer.rules.kinds import ERASED, MERGED
from marque_customer.usecases import consents
from marque_customer.usecases.saving import refresh_found, standing


async def log(*, uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Writes a touch. Raises CustomerNotFound, CustomerErased, CustomerMerged, ConsentMissing."""
    async with uow:
        customer = await repository.find(uow.session, uow.principal, customer_id, lock=True)
        if customer is None:
            raise CustomerNotFound(customer_id=customer_id)
        customer.refuse_if_gone()
        if values["kind"] == WEB:
            await _require_profiling(uow, customer_id, values["dealer_id"])
        touch = await write(uow, customer_id, values)
        uow.audit("log", "interaction", str(touch.interaction_id))
        return await uow.answer(touch)


async def write(uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Interaction:
    """Writes a touch in sight of nobody's request: the person's row must be locked, and may be written to."""
    touch = Interaction(interaction_id=new_uuid(), customer_id=customer_id, create_time=uow.now, **values)
    uow.add(touch)
    await uow.flush()
    uow.emit(_logged(touch.interaction_id, customer_id, values))
    return touch


async def _require_profiling(uow: UnitOfWork, customer_id: uuid.UUID, dealer_id: uuid.UUID | None) -> None:
    subject = {
        "purpose": consent_pb2.CONSENT_PURPOSE_PROFILING,
        "channel": 0,
        "controller_kind": rules.DEALER if dealer_id else rules.OEM,
        "controller_id": str(dealer_id or ""),
    }
    proof = await consents.deciding(uow.session, uow.principal, customer_id, subject)
    if proof is None or proof.action != rules.GRANTED:
        raise ConsentMissing()


def _logged(touch_id: uuid.UUID, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    event = interaction_events_pb2.InteractionLogged(
        interaction_id=str(touch_id),
        aggregate_version=1,
        customer_id=str(customer_id),
        kind=values["kind"],
        direction=values["direction"],
        dealer_id=str(values["dealer_id"] or ""),
        vin=values["vin"],
        outcome=values.get("outcome", ""),
    )
    event.begin_time.FromDatetime(values["occur_time"])
    return event


async def note(*, uow: UnitOfWork, notes: Sequence[Note], known_only: bool = False) -> set[uuid.UUID]:
    """Puts events of the platform on time lines, each thing and sentence once, and begins the dealers' relations; a few statements for all.
    Returns the customers to whom it may be written.

    Raises CustomerNotFound where one is about a customer that never was; `known_only`: those are left out, as of an address that a dealer
    gave for itself. Of an erased one nothing is written any more.
    """
    async with uow:
        connection = await written.connection_of(uow.session)
        statuses, survivors = await written.lock(connection, {item.customer_id for item in notes})
        for item in notes:
            if item.customer_id not in statuses and not known_only:
                raise CustomerNotFound(customer_id=item.customer_id)
        living = [item for item in notes if statuses.get(item.customer_id, ERASED) != ERASED]
        for touch_id, item in await written.add_touches(connection, living, uow.now):
            uow.emit(_logged(touch_id, item.customer_id, item.values))
        for relation_id, item in await written.begin_relations(connection, living, survivors, uow.now):
            started = relation_events_pb2.RelationStarted(
                relation_id=str(relation_id), customer_id=str(item.customer_id), dealer_id=str(item.dealer_id)
            )
            started.kind, started.aggregate_version = item.relation_kind, 1  # type: ignore[assignment]
            uow.emit(started)
        return {item.customer_id for item in living}


async def note_car(*, uow: UnitOfWork, values: dict[str, Any]) -> None:
    """Keeps what the vehicle service said of an ownership; what is older than known changes nothing. Of an erased customer nothing is
    written any more, though the other service may have to keep the ownership for some years.
    """
    async with uow:
        found = await standing(uow, [values["customer_id"]])
        if any(one.customer_id == values["customer_id"] and one.status == ERASED for one in found):
            return
        if await cars.keep(uow.session, values) and found:
            await refresh_found(uow, found)


async def note_cars(*, uow: UnitOfWork, rows: Sequence[dict[str, Any]]) -> None:
    """Keeps the whole states of ownerships, each named once, as `note_car` keeps what one event said."""
    async with uow:
        found = await standing(uow, sorted({row["customer_id"] for row in rows}))
        erased = {one.customer_id for one in found if one.status == ERASED}
        news = await cars.keep_whole(uow.session, [row for row in rows if row["customer_id"] not in erased])
        if any(one.status == MERGED for one in found):
            news |= set((await families.roots(uow.session, news)).values())
        await refresh_found(uow, [one for one in found if one.customer_id in news])
