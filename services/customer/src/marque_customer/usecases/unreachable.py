"""Contact points at which nothing arrives, as campaigns tell by the permit under which something was sent there."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from servicekit.db.uow import UnitOfWork

from marque_customer.models import ContactPoint
from marque_customer.repository import customers, families
from marque_customer.repository import unreachable as repository
from marque_customer.rules.kinds import LISTED
from marque_customer.usecases.saving import save_changed

SOURCE = "campaign.send:"


async def mark(
    *, uow: UnitOfWork, customer_id: uuid.UUID, occurrence_key: str, send_id: str, reason: str, moment: datetime
) -> None:
    """Notes that nothing arrives at the contact point for which a permit was taken.

    One that was verified after that moment stays; one that was removed is gone, and added again it is another. A letter has no point.
    """

    def note(point: ContactPoint) -> bool:
        if point.unreachable_time is not None or (point.verify_time is not None and point.verify_time >= moment):
            return False  # the first word stays, so that it is known since when
        point.unreachable_time, point.unreachable_reason, point.unreachable_source = moment, reason, SOURCE + send_id
        return True

    async with uow:
        await _change(uow, await repository.of_permit(uow.session, customer_id, occurrence_key), note)


async def lift(*, uow: UnitOfWork, send_id: str) -> None:
    """Takes back what a message told of a contact point."""

    def note(point: ContactPoint) -> bool:
        told = point.unreachable_source == SOURCE + send_id
        if told:
            point.unreachable_time, point.unreachable_reason, point.unreachable_source = None, "", ""
        return told

    async with uow:
        await _change(uow, await repository.of_source(uow.session, SOURCE + send_id), note)


async def _change(
    uow: UnitOfWork, found: tuple[uuid.UUID, uuid.UUID] | None, note: Callable[[ContactPoint], bool]
) -> None:
    """Notes something of a contact point, given by its customer and id, under the lock of whoever stands for the customer."""
    if found is None:
        return
    owner, point_id = found
    root = (await families.roots(uow.session, [owner]))[owner]
    held = [one for one in await customers.locked(uow.session, [root]) if one.status in LISTED]
    if not held:  # erased, or merged a moment ago: then its permits are refused for that
        return
    parts = await customers.parts_of(uow.session, root)
    if any(note(point) for point in parts.points if point.contact_point_id == point_id):
        await save_changed(uow, held[0], parts, ["contact_points"])
