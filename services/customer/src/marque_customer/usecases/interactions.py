"""The time line: touches that people log, and those that the platform's events leave."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from marque.customer.v1 import consent_pb2, interaction_events_pb2, interaction_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_customer.errors import ConsentMissing, CustomerNotFound
from marque_customer.mapping.interactions import WEB
from marque_customer.models import Interaction
from marque_customer.repository import cars, ledger, timeline
from marque_customer.repository import customers as repository
from marque_customer.rules import consents as rules
from marque_customer.rules.kinds import ERASED
from marque_customer.usecases.saving import begin_relation, refresh_search


async def log(*, uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Writes a touch. Raises CustomerNotFound, CustomerErased, CustomerMerged, ConsentMissing."""
    async with uow:
        customer = await repository.find(uow.session, uow.principal, customer_id, lock=True)
        if customer is None:
            raise CustomerNotFound(customer_id=customer_id)
        customer.refuse_if_gone()
        if values["kind"] == WEB:
            await _require_profiling(uow, customer_id, values["dealer_id"])
        touch = Interaction(interaction_id=new_uuid(), customer_id=customer_id, create_time=uow.now, **values)
        uow.add(touch)
        await uow.flush()
        uow.emit(_logged(touch.interaction_id, customer_id, values))
        uow.audit("log", "interaction", str(touch.interaction_id))
        return await uow.answer(touch)


async def _require_profiling(uow: UnitOfWork, customer_id: uuid.UUID, dealer_id: uuid.UUID | None) -> None:
    clock = await ledger.lock(uow.session, customer_id, alone=False)
    subject = {
        "purpose": consent_pb2.CONSENT_PURPOSE_PROFILING,
        "channel": 0,
        "controller_kind": rules.DEALER if dealer_id else rules.OEM,
        "controller_id": str(dealer_id or ""),
    }
    proof = await ledger.deciding(uow.session, customer_id, subject, clock)
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


async def note(
    *,
    uow: UnitOfWork,
    customer_id: uuid.UUID,
    kind: int,
    sentence: str,
    thing: tuple[str, str],
    dealer_id: uuid.UUID,
    vin: str,
    moment: datetime,
    params: dict[str, str],
    relation_kind: int = 0,
) -> None:
    """Puts an event of the platform on the time line, once for each thing and sentence, and begins the dealer's relation.

    Raises CustomerNotFound for a customer that never was. Of an erased one nothing is written any more.
    """
    async with uow:
        found = await repository.locked(uow.session, [customer_id])
        if not found:
            raise CustomerNotFound(customer_id=customer_id)
        if found[0].status == ERASED:
            return
        values = {
            "kind": kind,
            "direction": interaction_pb2.INTERACTION_DIRECTION_NONE,
            "occur_time": moment,
            "dealer_id": dealer_id,
            "subject_key": sentence,
            "subject_params": params,
            "vin": vin,
            "reference_type": thing[0],
            "reference_id": thing[1],
        }
        touch_id = await timeline.add_platform_touch(
            uow.session, {"customer_id": customer_id, "create_time": uow.now, **values}
        )
        if touch_id is not None:
            uow.emit(_logged(touch_id, customer_id, values))
        if relation_kind:
            await begin_relation(uow, found[0], dealer_id, relation_kind, origin=thing)


async def note_car(*, uow: UnitOfWork, values: dict[str, Any]) -> None:
    """Keeps what the vehicle service said of an ownership; what is older than known changes nothing."""
    async with uow:
        found = await repository.locked(uow.session, [values["customer_id"]])
        if await cars.keep(uow.session, values) and found and found[0].status != ERASED:
            await refresh_search(uow, found[0], await repository.parts_of(uow.session, found[0].customer_id))
