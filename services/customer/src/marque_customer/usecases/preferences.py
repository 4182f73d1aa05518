"""The preference page: what a person allowed a controller, and the switches, all or none."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from servicekit.db.base import etag_of
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.errors import CustomerNotFound
from marque_customer.repository import ledger, people, timeline
from marque_customer.repository.notes import connection_of
from marque_customer.rules import consents as rules
from marque_customer.rules.kinds import ACTIVE
from marque_customer.usecases import consents

Controller = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Page:
    """What stands for a person and a controller: the deciding entries by purpose and channel, and which channels reach them."""

    customer_id: uuid.UUID
    controller: Controller
    entries: Mapping[tuple[int, int], Any]
    status: int
    known: datetime
    reach: frozenset[int]
    etag: str

    def answer(self, purpose: int, channel: int) -> tuple[bool, str]:
        """Returns whether a use is allowed now, and why."""
        entry = self.entries.get((purpose, channel))
        return rules.answer(entry.action if entry is not None else None, self.status, self.known, self.known)


async def read(*, session: AsyncSession, principal: Principal, customer_id: uuid.UUID, controller: Controller) -> Page:
    """Returns the page. Raises CustomerNotFound, ControllerNotOwn."""
    consents.refuse_foreign(principal, *controller)
    clock = await ledger.lock(session, customer_id, alone=False)
    if not await timeline.is_visible(session, principal, customer_id):
        raise CustomerNotFound(customer_id=customer_id)
    return await _page(session, customer_id, controller, clock)


async def _page(session: AsyncSession, customer_id: uuid.UUID, controller: Controller, clock: datetime) -> Page:
    moment = await consents.present(session, customer_id, clock)
    standing = await ledger.standing(session, customer_id, moment)
    last = await ledger.last(session, customer_id)
    return Page(
        customer_id,
        controller,
        await ledger.present(session, customer_id, controller),
        standing.status if standing is not None else ACTIVE,
        moment,
        frozenset(await people.channels_of(await connection_of(session), customer_id)),
        etag_of(last.sequence if last is not None else 0),
    )


async def put(
    *,
    uow: UnitOfWork,
    customer_id: uuid.UUID,
    controller: Controller,
    changes: Sequence[tuple[int, int, bool]],
    said: dict[str, Any],
    etag: str,
) -> Any:
    """Sets switches; one that stands so already writes nothing. Raises CustomerNotFound, the states, ControllerNotOwn, EtagMismatch."""
    consents.refuse_foreign(uow.principal, *controller)
    async with uow:
        place = await consents.begin(uow, customer_id)
        if etag and etag.strip('"') != etag_of(place.sequence):
            raise EtagMismatch()
        standing = await ledger.present(uow.session, customer_id, controller)
        for purpose, channel, allowed in changes:
            before = standing.get((purpose, channel))
            action = rules.GRANTED if allowed else rules.WITHDRAWN
            if before is not None and before.action == action:
                continue
            values = {"purpose": purpose, "channel": channel, "action": action, "given_time": uow.now, **said}
            subject = {"controller_kind": controller[0], "controller_id": controller[1]}
            entry = await consents.append(uow, customer_id, place, {**values, **subject})
            place = place._replace(sequence=entry.sequence, known_time=entry.known_time)
        return await uow.answer(await _page(uow.session, customer_id, controller, place.clock))
