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

from marque_customer.repository import ledger, people
from marque_customer.repository.notes import connection_of
from marque_customer.rules import consents as rules
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
    return await _page(session, await consents.view(session, principal, customer_id), controller)


async def _page(session: AsyncSession, seen: consents.View, controller: Controller) -> Page:
    last = await ledger.last_of(session, seen.family)
    return Page(
        seen.family[0],
        controller,
        await ledger.present(session, seen.family, seen.stood, controller),
        (await consents.standing(session, seen))[0],
        seen.moment,
        frozenset(await people.channels_of(await connection_of(session), seen.family)),
        etag_of(sum(row.sequence for row in last.values())),
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
        if etag and etag.strip('"') != etag_of(place.count):
            raise EtagMismatch()
        seen = await consents.view(uow.session, uow.principal, customer_id)
        standing = await ledger.present(uow.session, seen.family, seen.stood, controller)
        for purpose, channel, allowed in changes:
            before = standing.get((purpose, channel))
            action = rules.GRANTED if allowed else rules.WITHDRAWN
            if before is not None and before.action == action:
                continue
            values = {"purpose": purpose, "channel": channel, "action": action, "given_time": uow.now, **said}
            subject = {"controller_kind": controller[0], "controller_id": controller[1]}
            await consents.append(uow, place, {**values, **subject})
        return await uow.answer(
            await _page(uow.session, await consents.view(uow.session, uow.principal, customer_id), controller)
        )
