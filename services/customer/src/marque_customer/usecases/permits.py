"""Contact permits: taken, spent, finished, given back, in batches; each batch is one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from servicekit.db.due import DueHandler
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_customer.repository import calls, contact_rules, people
from marque_customer.repository import permits as repository
from marque_customer.repository.notes import connection_of
from marque_customer.repository.permits import Written
from marque_customer.rules import figures
from marque_customer.rules import permits as rules
from marque_customer.rules.permits import Address, Asked, Booking, Limit, Person, Refusal, Windows

PRUNE = "contact_permits.prune"
_EVERY = timedelta(hours=1)
# What stands already under an occurrence key decides in this order, where a merge brought two together.
_WEIGHT = {rules.FINISHED: 3, rules.SPENT: 2, rules.TAKEN: 1}


@dataclass(frozen=True, slots=True)
class Granted:
    """A permit that the caller holds now, with what it needs for this one contact."""

    row: Written
    person: Person
    address: Address


@dataclass(frozen=True, slots=True)
class Known:
    """A permit that was spent or finished before: nothing is to be handed over again."""

    row: Any
    person_id: uuid.UUID


Answer = Granted | Known | Refusal


async def take(*, uow: UnitOfWork, asked: Sequence[Asked], windows: Windows) -> list[Answer]:
    """Takes permits; answers in the order asked."""
    async with uow:
        connection = await connection_of(uow.session)
        ids = {one.customer_id for one in asked}
        persons = await people.persons_of(connection, ids)
        locked = await people.lock(connection, set(persons.values()))
        now_persons = await people.persons_of(connection, ids)  # a merge may have come before the locks
        family = await people.families(connection, locked)
        rows = await repository.of_keys(connection, family, {one.occurrence_key for one in asked})
        now = await repository.clock(connection)
        pairs = [(persons[one.customer_id], one) for one in asked if persons[one.customer_id] in locked]
        await people.gather(connection, locked, family, pairs, now)
        batch = _Batch(locked, _by_key(rows, family), await contact_rules.limits(connection), now, windows)
        answers: list[Answer] = []
        for one in asked:
            person_id = persons[one.customer_id]
            if person_id not in locked:
                answers.append(rules.UNKNOWN_CUSTOMER)
            elif now_persons[one.customer_id] != person_id:
                answers.append(rules.PERSON_CHANGED)
            else:
                answers.append(batch.answer(locked[person_id], one))
        await repository.write(connection, batch.written)
        _count(uow, "granted", sum(isinstance(one, Granted) for one in answers))
        _count_refusals(uow, [one for one in answers if isinstance(one, Refusal)])
        return answers


def _by_key(rows: Sequence[Any], family: Mapping[uuid.UUID, uuid.UUID]) -> dict[tuple[uuid.UUID, str], Any]:
    found: dict[tuple[uuid.UUID, str], Any] = {}
    for row in rows:
        for person in people.whose(row, family):
            before = found.get((person, row["occurrence_key"]))
            if before is None or _WEIGHT.get(row["state"], 0) > _WEIGHT.get(before["state"], 0):
                found[person, row["occurrence_key"]] = row
    return found


class _Batch:
    """One batch under its locks: what was taken in it before counts for what comes after."""

    def __init__(
        self,
        people: Mapping[uuid.UUID, Person],
        standing: Mapping[tuple[uuid.UUID, str], Any],
        limits: Sequence[Limit],
        now: datetime,
        windows: Windows,
    ) -> None:
        self._people, self._standing, self._limits, self._now, self._windows = people, standing, limits, now, windows
        self._answered: dict[tuple[uuid.UUID, str], Answer] = {}
        self.written: list[Written] = []

    def answer(self, person: Person, asked: Asked) -> Answer:
        """Answers one contact; the same one twice in a batch gets the same answer."""
        key = (person.customer_id, asked.occurrence_key)
        if key not in self._answered:
            self._answered[key] = self._decide(person, asked, self._standing.get(key))
        return self._answered[key]

    def _decide(self, person: Person, asked: Asked, row: Any) -> Answer:
        state = row["state"] if row is not None else 0
        if state == rules.FINISHED or (state == rules.SPENT and not asked.resume):
            return Known(row, person.customer_id)
        if state == rules.SPENT and (refusal := rules.resuming(row, self._now, self._windows)) is not None:
            return refusal
        if (refusal := rules.judge(asked, person, self._limits, self._now, self._windows)) is not None:
            return refusal
        entry = None if asked.contact_class == rules.LEGAL else person.consent(asked)
        taken = Written(
            contact_permit_id=row["contact_permit_id"] if row is not None else new_uuid(),
            person_id=row["person_id"] if row is not None else person.customer_id,
            asked=asked,
            consent_entry_id=entry[1] if entry is not None else None,
            state=rules.SPENT if state == rules.SPENT else rules.TAKEN,
            holding=row["holding"] + 1 if row is not None else 1,
            take_time=self._now,
            expire_time=self._now + self._windows.take,
            contact_point_id=person.addresses[asked.channel].contact_point_id,
        )
        self.written.append(taken)
        person.bookings = [one for one in person.bookings if one.key != asked.occurrence_key]
        person.bookings.append(
            Booking(
                asked.occurrence_key, asked.channel_class, asked.purpose, asked.contact_class, asked.content_key, self._now
            )
        )  # fmt: skip
        return Granted(taken, person, person.addresses[asked.channel])


Holding = tuple[uuid.UUID, int]
Outcome = tuple[uuid.UUID, int, Refusal | None]


async def spend(*, uow: UnitOfWork, permits: Sequence[Holding], windows: Windows) -> list[Outcome]:
    """Spends permits; what is answered without a refusal is committed as spent before anything is handed over."""
    async with uow:
        connection = await connection_of(uow.session)
        rows = await repository.held(connection, {permit for permit, _ in permits})
        now = await repository.clock(connection)
        judged = [(permit, rules.spending(rows.get(permit), holding, now, windows)) for permit, holding in permits]
        good = [permit for permit, refusal in judged if refusal is None]
        await repository.spend(connection, good, now)
        _count(uow, "spent", len(good))
        _count_refusals(uow, [refusal for _, refusal in judged if refusal is not None])
        return _outcomes(judged, rows, rules.SPENT)


async def finish(*, uow: UnitOfWork, permits: Sequence[Holding]) -> list[Outcome]:
    """Says that hand-overs are done."""
    return await _end(uow, permits, rules.finishing, rules.FINISHED)


async def give_back(*, uow: UnitOfWork, permits: Sequence[Holding]) -> list[Outcome]:
    """Gives permits back under which nothing was handed over."""
    return await _end(uow, permits, rules.returning, rules.RETURNED)


async def _end(
    uow: UnitOfWork, permits: Sequence[Holding], judge: Callable[[Any, int], Refusal | None], state: int
) -> list[Outcome]:
    async with uow:
        connection = await connection_of(uow.session)
        rows = await repository.held(connection, {permit for permit, _ in permits})
        judged = [(permit, judge(rows.get(permit), holding)) for permit, holding in permits]
        good = [permit for permit, refusal in judged if refusal is None]
        await repository.end(connection, good, state, await repository.clock(connection))
        _count(uow, "finished" if state == rules.FINISHED else "returned", len(good))
        return _outcomes(judged, rows, state)


def _count(uow: UnitOfWork, step: str, count: int) -> None:
    uow.tally(figures.PERMITS, count, step=step)


def _count_refusals(uow: UnitOfWork, refusals: Sequence[Refusal]) -> None:
    _count(uow, "refused", len(refusals))
    for refusal in refusals:
        uow.tally(figures.REFUSALS, reason=figures.reason_of(refusal.reason))


def _outcomes(
    judged: Sequence[tuple[uuid.UUID, Refusal | None]], rows: Mapping[uuid.UUID, Any], state: int
) -> list[Outcome]:
    found = []
    for permit, refusal in judged:
        before = rows[permit]["state"] if permit in rows else 0
        stays = refusal is not None or before == rules.REVOKED
        found.append((permit, before if stays else state, refusal))
    return found


def pruning(permit_days: int, call_days: int) -> DueHandler:
    """Returns the due work that deletes permits and calls of an age; migration 0006 makes it due."""

    async def prune(uow: UnitOfWork, key: str) -> datetime | None:
        more = await repository.prune(uow.session, permit_days)
        more = await calls.prune(uow.session, call_days) or more
        return uow.now + (timedelta(seconds=1) if more else _EVERY)

    return prune
