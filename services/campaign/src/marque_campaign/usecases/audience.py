"""The read model of people and cars: what is heard marks whom it is about; a sweep asks the owners about those, and writes what they
answer. So a mark that is seen has its cause committed, and whatever changes meanwhile leaves a mark of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork, Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_campaign.clients import Owners
from marque_campaign.mapping import audience as mapping
from marque_campaign.models import AudienceStale
from marque_campaign.repository import audience as repository
from marque_campaign.repository import value
from marque_campaign.usecases.segments import Days

AT_ONCE = 500
PERSON, CAR = AudienceStale.PERSON, AudienceStale.CAR
_CALL = Call(SYSTEM, "sweep:audience")


async def note_deeds(*, uow: UnitOfWork, deeds: Sequence[dict[str, Any]], also: Iterable[str] = ()) -> None:
    """Notes ownerships, sales, visits and cases, in the order in which they were heard; `also`: who else changed."""
    people, left = set(also), list(deeds)
    while left:  # each deed once in a statement; almost always one turn
        first = {(one["kind"], one["deed_id"]): one for one in reversed(left)}
        people |= await repository.put_deeds(uow.session, list(first.values()))
        left = [one for one in left if first[one["kind"], one["deed_id"]] is not one]
    await repository.mark(uow.session, PERSON, people)
    await repository.mark(uow.session, CAR, {one["vin"] for one in deeds})


async def note_score(*, uow: UnitOfWork, values: dict[str, Any], only_new: bool) -> None:
    """Notes what somebody scored in a survey; `only_new`: where nothing was known of these answers."""
    await repository.put_score(uow.session, values, only_new=only_new)
    await repository.mark(uow.session, PERSON, {str(values["customer_id"])})


async def mark(*, uow: UnitOfWork, kind: int, keys: set[str]) -> None:
    """Notes that something changed of people or cars."""
    await repository.mark(uow.session, kind, keys)


async def recall_closed(*, uow: UnitOfWork) -> None:
    """Notes that cars may have one open recall less."""
    await repository.mark_recalled(uow.session)


class Audience:
    """Takes changes over, some hundreds at a time; several may, for writing what an owner told twice changes nothing."""

    def __init__(self, work: Work, owners: Owners, days: Days) -> None:
        self._work = work
        self._owners = owners
        self._days = days

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
            await repository.count_deeds(uow.session, sorted(found), self._days.zone)
            await value.classify(uow.session, sorted(found), self._days.day(uow.now))
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
