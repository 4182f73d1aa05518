"""Contact points and postal addresses at which nothing arrives, as campaigns tell by the permit under which something was sent there."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from servicekit.db.uow import UnitOfWork

from marque_customer.models import ContactPoint, Customer
from marque_customer.repository import customers, families
from marque_customer.repository import unreachable as repository
from marque_customer.rules.kinds import LISTED
from marque_customer.usecases.saving import save_changed

SOURCE = "campaign.send:"


async def mark(
    *, uow: UnitOfWork, customer_id: uuid.UUID, occurrence_key: str, send_id: str, reason: str, moment: datetime
) -> None:
    """Notes that nothing arrives at the contact point or postal address for which a permit was taken.

    A point that was verified after that moment stays; one that was removed is gone, and added again it is another. An address is known by
    what it says: another one, or the same put right, is not marked.
    """

    def note(point: ContactPoint) -> bool:
        if point.unreachable_time is not None or (point.verify_time is not None and point.verify_time >= moment):
            return False  # the first word stays, so that it is known since when
        point.unreachable_time, point.unreachable_reason, point.unreachable_source = moment, reason, SOURCE + send_id
        return True

    async with uow:
        point = await repository.of_permit(uow.session, customer_id, occurrence_key)
        await _change(uow, point, note)
        place = None if point else await repository.place_of_permit(uow.session, customer_id, occurrence_key)
        if place is not None and (owner := await _held(uow, place[0])) is not None:
            values = {"customer_id": owner.customer_id, "place_id": place[1], "unreachable_time": moment}
            told = {"unreachable_reason": reason, "unreachable_source": SOURCE + send_id}
            await repository.mark_place(uow.session, {**values, **told})


async def lift(*, uow: UnitOfWork, send_id: str) -> None:
    """Takes back what a message told of a contact point or postal address."""

    def note(point: ContactPoint) -> bool:
        told = point.unreachable_source == SOURCE + send_id
        if told:
            point.unreachable_time, point.unreachable_reason, point.unreachable_source = None, "", ""
        return told

    async with uow:
        await _change(uow, await repository.of_source(uow.session, SOURCE + send_id), note)
        await repository.lift_places(uow.session, SOURCE + send_id)


async def _change(
    uow: UnitOfWork, found: tuple[uuid.UUID, uuid.UUID] | None, note: Callable[[ContactPoint], bool]
) -> None:
    """Notes something of a contact point, given by its customer and id, under the lock of whoever stands for the customer."""
    if found is None:
        return
    owner, point_id = found
    held = await _held(uow, owner)
    if held is None:
        return
    parts = await customers.parts_of(uow.session, held.customer_id)
    if any(note(point) for point in parts.points if point.contact_point_id == point_id):
        await save_changed(uow, held, parts, ["contact_points"])


async def _held(uow: UnitOfWork, owner: uuid.UUID) -> Customer | None:
    """Returns, locked, who stands for a customer; none of who is erased, or merged a moment ago: their permits are refused for that."""
    root = (await families.roots(uow.session, [owner]))[owner]
    return next((one for one in await customers.locked(uow.session, [root]) if one.status in LISTED), None)
