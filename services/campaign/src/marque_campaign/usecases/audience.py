"""The read model of people and cars: what is heard marks whom it is about; a sweep asks the owners about those, and writes what they
answer. So a mark that is seen has its cause committed, and whatever changes meanwhile leaves a mark of its own.
"""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_campaign.clients import Owners
from marque_campaign.mapping import audience as mapping
from marque_campaign.models import AudienceStale
from marque_campaign.repository import audience as repository

AT_ONCE = 500
PERSON, CAR = AudienceStale.PERSON, AudienceStale.CAR
_CALL = Call(SYSTEM, "sweep:audience")


async def note_deed(*, uow: UnitOfWork, values: dict[str, Any], also: str = "") -> None:
    """Notes an ownership, sale, visit or case; `also`: somebody else whom it is about."""
    people = await repository.put_deed(uow.session, values)
    await repository.mark(uow.session, PERSON, {*people, also})
    await repository.mark(uow.session, CAR, {values["vin"]})


async def note_score(*, uow: UnitOfWork, values: dict[str, Any]) -> None:
    """Notes what somebody scored in a survey."""
    await repository.put_score(uow.session, values)
    await repository.mark(uow.session, PERSON, {str(values["customer_id"])})


async def mark(*, uow: UnitOfWork, kind: int, keys: set[str]) -> None:
    """Notes that something changed of people or cars."""
    await repository.mark(uow.session, kind, keys)


async def recall_closed(*, uow: UnitOfWork) -> None:
    """Notes that cars may have one open recall less."""
    await repository.mark_recalled(uow.session)


class Audience:
    """Takes changes over, some hundreds at a time; several may, for writing what an owner told twice changes nothing."""

    def __init__(self, work: Work, owners: Owners, zone: str) -> None:
        self._work = work
        self._owners = owners
        self._zone = zone

    async def sweep(self) -> bool:
        """Does one step; returns whether more may be left. Raises Unavailable while an owner is away."""
        cars = await self._cars()
        return await self._people() or cars

    async def _people(self) -> bool:
        async with self._work.read() as session:
            marks = await repository.waiting(session, PERSON, AT_ONCE)
            asked = {uuid.UUID(key) for _, key in marks}
            now = await repository.survivors(session, asked) if asked else {}
            gone = await repository.erased(session, now.values())
        if not marks:
            return False
        told = await self._owners.people(sorted(set(now.values()) - gone))
        people = [mapping.person(one) for one in told]
        holdings = [mapping.holding(one, it) for one in told for it in one.holdings]
        found = {row["customer_id"] for row in people}
        async with self._work(_CALL) as uow:
            await repository.drop_people(uow.session, sorted((asked | set(now.values())) - found))
            await repository.put_people(uow.session, people, holdings)
            await repository.count_deeds(uow.session, sorted(found), self._zone)
            vins = await repository.owned(uow.session, sorted(set(now.values())))
            await repository.assign(uow.session, vins)
            await repository.done(uow.session, [mark_id for mark_id, _ in marks])
        return len(marks) == AT_ONCE

    async def _cars(self) -> bool:
        async with self._work.read() as session:
            marks = await repository.waiting(session, CAR, AT_ONCE)
        if not marks:
            return False
        vins = sorted({key for _, key in marks})
        cars = [mapping.car(one) for one in await self._owners.cars(vins)]
        async with self._work(_CALL) as uow:
            await repository.put_cars(uow.session, cars)
            await repository.assign(uow.session, vins)
            await repository.done(uow.session, [mark_id for mark_id, _ in marks])
        return len(marks) == AT_ONCE
