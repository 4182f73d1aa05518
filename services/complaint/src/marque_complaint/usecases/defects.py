"""Early warning of defects: a look at all cars and components, and what people do with the signals that stand out."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork, Work
from servicekit.errors import InvalidArgument
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_complaint import events
from marque_complaint.clients import Vehicles
from marque_complaint.errors import DefectSignalNotFound, NotStaff
from marque_complaint.models import DefectScan, DefectSignal
from marque_complaint.repository import defects as repository
from marque_complaint.repository import facts, notices
from marque_complaint.repository import learning as words
from marque_complaint.rules import rising, series
from marque_complaint.rules.terms import Components
from marque_complaint.usecases import common

_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: the series that stand out with their numbers, and how many were looked at."""

    found: list[tuple[series.Key, dict[str, Any]]]
    count: int
    by_rate: int


class Scanning:
    """The sweep that looks: when asked, and once a day. It waits until every case is counted."""

    def __init__(self, work: Work, vehicles: Vehicles) -> None:
        self._work = work
        self._vehicles = vehicles

    async def __call__(self) -> bool:
        """Looks where it is time; returns whether more is left. Raises Unavailable where cars in use cannot be asked for."""
        reader = self._work.reader
        number = await repository.waiting_scan(reader)
        if number is None:
            last = await repository.last_scan(reader)
            if last is None or last["finish_time"] < now() - _EVERY:
                await ask(uow=self._work(Call(SYSTEM, "sweep:defects")))
                return True
            return False
        if await facts.waiting(reader):
            return False
        looked = await self._look(now())
        async with self._work(Call(SYSTEM, "sweep:defects")) as uow:
            await _keep(uow, number, looked)
        return False

    async def _look(self, moment: datetime) -> Looked:
        reader = self._work.reader
        first = series.window_start(moment.astimezone(UTC).date())
        components = Components(await words.components(reader))
        rows = await repository.series(reader, first)
        cells = [
            series.Cell(
                row["make"], row["model"], row["model_year"], row["system"], row["month"], row["told"], row["predicted"]
            )
            for row in rows
        ]
        found = series.candidates(cells, components.is_product)
        months = series.months(first, moment.astimezone(UTC).date())
        cars: dict[tuple[str, str, int], Mapping[date, int]] = {}
        for line in sorted({one.key[:3] for one in found if one.is_weighed}):
            cars[line] = await self._vehicles.in_use(*line, months[0], months[-1]) if line[2] else {}
        return await asyncio.to_thread(weigh, found, cars, months, moment)


def weigh(
    candidates: Sequence[series.Candidate],
    cars: Mapping[Any, Mapping[date, int]],
    months: Sequence[date],
    moment: datetime,
) -> Looked:
    """Weighs every candidate; pure, and long enough to be done beside the loop."""
    found, by_rate = [], 0
    for one in (one for one in candidates if one.is_weighed):
        rise, basis, first = series.weigh(one, cars.get(one.key[:3], {}), months, moment)
        by_rate += basis == series.RATE
        if rise is not None and rise.stands_out():
            found.append((one.key, series.numbers(one, rise, basis, first)))
    return Looked(found, len(candidates), by_rate)


async def _keep(uow: UnitOfWork, number: int, looked: Looked) -> None:
    """Writes what a look found. A signal is raised once; later looks bring its numbers up to date."""
    told = {"series_count": looked.count, "rate_series_count": looked.by_rate, "signal_count": len(looked.found)}
    if not await repository.finish(uow.session, number, {**told, "false_alarm_rate": rising.FALSE_ALARMS}, uow.now):
        return  # another worker looked at the same time
    known = await repository.lock_signals(uow.session)
    for key, numbers in looked.found:
        signal = known.get(key)
        if signal is not None:
            before = signal.after_count
            if signal.renew(numbers) and signal.after_count > before and not signal.is_muted(uow.now):
                await notices.tell(uow.session, signal, notices.GREW, uow.now)
            continue
        make, model, model_year, system = key
        signal = DefectSignal(
            make=make, model=model, model_year=model_year, system=system, mute_reason="", follower_count=0, **numbers
        )
        uow.add(signal)
        await uow.flush()
        await notices.tell(uow.session, signal, notices.RAISED, uow.now)
        uow.emit(events.defect_signal_raised(signal), of=signal)
        uow.audit("raise", "defect_signal", str(signal.signal_id))
    await uow.flush()


async def ask(*, uow: UnitOfWork) -> Any:
    """Asks for a look; where one is asked for already, it is the same."""
    async with uow:
        waiting = await repository.lock_waiting(uow.session)
        if waiting is None:
            waiting = DefectScan(
                create_time=uow.now, series_count=0, rate_series_count=0, signal_count=0, false_alarm_rate=0.0
            )
            uow.add(waiting)
            await uow.flush()
        uow.audit("scan", "defect_scan", str(waiting.scan_number))
        return await uow.answer(waiting)


async def mute(*, uow: UnitOfWork, signal_id: uuid.UUID, until: datetime | None, reason: str, etag: str) -> Any:
    """Mutes a signal, or ends that. Raises DefectSignalNotFound, InvalidArgument, EtagMismatch."""
    if until is not None and until <= uow.now:
        raise InvalidArgument.of("mute_time", "TIME_INVALID", "Give a moment to come.")
    if until is not None and not reason:
        raise InvalidArgument.of("reason", "REASON_MISSING", "Say why, as a constant.")
    async with uow:
        signal = await _found(uow, signal_id)
        signal.check_etag(etag)
        signal.mute(until, reason)
        await uow.flush()
        uow.audit("mute", "defect_signal", str(signal_id), ("mute_time", "mute_reason"))
        followed = await repository.follows(uow.session, signal_id, common.staff_of(uow))
        return await uow.answer((signal, followed))


async def follow(*, uow: UnitOfWork, signal_id: uuid.UUID, unfollow: bool) -> Any:
    """Lets the caller follow a signal, or ends that. Raises DefectSignalNotFound, NotStaff."""
    async with uow:
        signal = await _found(uow, signal_id)
        staff_id = common.staff_of(uow)
        if staff_id is None:
            raise NotStaff()
        count = await repository.follow(uow.session, signal_id, staff_id, unfollow)
        if count is not None:
            signal.follower_count = count
        await uow.flush()
        uow.audit("unfollow" if unfollow else "follow", "defect_signal", str(signal_id))
        return await uow.answer((signal, not unfollow))


async def read_notices(*, uow: UnitOfWork, number: int) -> Any:
    """Notes that the caller has read their notices up to one. Raises NotStaff."""
    async with uow:
        staff_id = common.staff_of(uow)
        if staff_id is None:
            raise NotStaff()
        count = await notices.read(uow.session, staff_id, number, uow.now)
        uow.audit("read_notices", "defect_signal", str(number))
        return await uow.answer(count)


async def _found(uow: UnitOfWork, signal_id: uuid.UUID) -> DefectSignal:
    signal = await repository.lock_signal(uow.session, signal_id)
    if signal is None:
        raise DefectSignalNotFound()
    return signal
