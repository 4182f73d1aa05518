"""SQL of signals of defects: the series they are looked for in, the signals, what they rest on."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, DefectFollower, DefectScan, DefectSignal
from marque_complaint.repository.scope import Scope
from marque_complaint.rules.kinds import COMPLAINT, ROADSIDE, TECHNICAL

_FAULTS = [COMPLAINT, TECHNICAL, ROADSIDE]
_C = ", ".join(f"c.{column.name}" for column in Case.__table__.columns)
_S = ", ".join(f"s.{column.name}" for column in DefectSignal.__table__.columns)
_SERIES = """
SELECT make, model, model_year, system, month, count(*) AS told, count(*) FILTER (WHERE predicted) AS predicted
FROM case_facts WHERE month >= $1 AND leads_system AND system <> '' AND make <> '' AND kind = ANY($2)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
_LAST = "SELECT * FROM defect_scans WHERE finish_time IS NOT NULL ORDER BY scan_number DESC LIMIT 1"
_WAITING = "SELECT scan_number FROM defect_scans WHERE finish_time IS NULL ORDER BY scan_number LIMIT 1"
_followers: Any = DefectFollower.__table__
_scans: Any = DefectScan.__table__


async def series(reader: Reader, first: date) -> list[asyncpg.Record]:
    """Returns how many cases of faults each component of each model year has, by month: `make, …, system, month, told, predicted`."""
    return list(await reader.fetch(_SERIES, first, _FAULTS))


async def waiting_scan(reader: Reader) -> int | None:
    """Returns the number of the look that is asked for; None for none."""
    found: int | None = await reader.fetchval(_WAITING)
    return found


async def last_scan(reader: Reader) -> asyncpg.Record | None:
    """Returns the last look that was done."""
    return await reader.fetchrow(_LAST)


async def lock_waiting(session: AsyncSession) -> DefectScan | None:
    """Returns the look that is asked for; two are never asked for at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("defect_scans", 0))))
    asked = sa.select(DefectScan).where(DefectScan.finish_time.is_(None)).order_by(DefectScan.scan_number).limit(1)
    return (await session.scalars(asked)).one_or_none()


async def finish(session: AsyncSession, number: int, values: dict[str, Any], moment: datetime) -> bool:
    """Writes that a look was done, unless somebody else did it; tells whether it was written."""
    change = sa.update(_scans).where(_scans.c.scan_number == number, _scans.c.finish_time.is_(None))
    done: Any = await session.execute(change.values(finish_time=moment, **values))
    return bool(done.rowcount)


async def lock_signals(session: AsyncSession) -> dict[tuple[str, str, int, str], DefectSignal]:
    """Returns all signals by what they are about, to change."""
    rows = await session.scalars(sa.select(DefectSignal).order_by(DefectSignal.signal_id).with_for_update())
    return {(row.make, row.model, row.model_year, row.system): row for row in rows}


async def lock_signal(session: AsyncSession, signal_id: uuid.UUID) -> DefectSignal | None:
    """Returns a signal, to change."""
    return await session.get(DefectSignal, signal_id, with_for_update=True)


async def follow(session: AsyncSession, signal_id: uuid.UUID, staff_id: uuid.UUID, unfollow: bool) -> int | None:
    """Follows a signal, or ends that; returns how many follow it now, None where nothing changed."""
    mine = {"signal_id": signal_id, "staff_id": staff_id}
    if unfollow:
        ended = sa.delete(_followers).where(_followers.c.signal_id == signal_id, _followers.c.staff_id == staff_id)
        done: Any = await session.execute(ended)
    else:
        done = await session.execute(insert(_followers).values(**mine).on_conflict_do_nothing())
    if not done.rowcount:
        return None
    count = sa.select(sa.func.count()).select_from(_followers).where(_followers.c.signal_id == signal_id)
    return int(await session.scalar(count) or 0)


async def follows(session: AsyncSession, signal_id: uuid.UUID, staff_id: uuid.UUID | None) -> bool:
    """Tells whether somebody follows a signal."""
    if staff_id is None:
        return False
    mine = sa.select(_followers.c.staff_id).where(
        _followers.c.signal_id == signal_id, _followers.c.staff_id == staff_id
    )
    return (await session.execute(mine)).first() is not None


async def get_signal(reader: Reader, signal_id: uuid.UUID, staff_id: uuid.UUID | None) -> asyncpg.Record | None:
    """Returns a signal, and whether somebody follows it."""
    sql = f"SELECT {_S}, {_FOLLOWED.format('$2')} AS followed FROM defect_signals s WHERE s.signal_id = $1"  # noqa: S608
    return await reader.fetchrow(sql, signal_id, staff_id)


_FOLLOWED = "EXISTS (SELECT FROM defect_followers f WHERE f.signal_id = s.signal_id AND f.staff_id = {}::uuid)"


async def list_signals(
    reader: Reader,
    filters: dict[str, Any],
    staff_id: uuid.UUID | None,
    moment: datetime,
    page: Page,
    after: tuple[Any, ...] | None,
) -> list[asyncpg.Record]:
    """Returns a page of signals and one more, the newest first."""
    conditions = query.Conditions()
    me = conditions.bind(staff_id)
    for name in ("make", "model", "system"):
        if filters[name]:
            conditions.add(f"s.{name} = {{}}", filters[name])
    if not filters["show_muted"]:
        conditions.add("(s.mute_time IS NULL OR s.mute_time <= {})", moment)
    if filters["followed"]:
        conditions.parts.append(_FOLLOWED.format(me))
    if after is not None:
        conditions.add("(s.create_time, s.signal_id) < ({}, {})", *after)
    sql = (
        f"SELECT {_S}, {_FOLLOWED.format(me)} AS followed FROM defect_signals s WHERE {conditions.sql} "  # noqa: S608
        f"ORDER BY s.create_time DESC, s.signal_id DESC LIMIT {conditions.bind(page.size + 1)}"
    )
    return list(await reader.fetch(sql, *conditions.arguments))


async def evidence(
    reader: Reader, scope: Scope, signal: Any, page: Page, after: tuple[Any, ...] | None
) -> Sequence[asyncpg.Record]:
    """Returns a page of the cases in sight that a signal rests on and one more, the newest first: a case's columns and `told_by_text`."""
    conditions = query.Conditions()
    for name in ("make", "model", "model_year", "system"):
        conditions.add(f"f.{name} = {{}}", signal[name])
    since = datetime.combine(signal["change_month"], time(), UTC)
    conditions.add("f.receive_time >= {}", since)
    conditions.add("f.kind = ANY({})", _FAULTS)
    conditions.parts.append("f.leads_system")
    if scope.kind:
        conditions.add("f.kind = {}", scope.kind)
    if not scope.everything:
        conditions.add("f.dealer_id = ANY({})", list(scope.dealers))
    if after is not None:
        conditions.add("(f.receive_time, f.case_id) < ({}, {})", *after)
    sql = (
        f"SELECT {_C}, f.predicted AS told_by_text FROM case_facts f JOIN cases c ON c.case_id = f.case_id WHERE {conditions.sql} "  # noqa: S608
        f"ORDER BY f.receive_time DESC, f.case_id DESC LIMIT {conditions.bind(page.size + 1)}"
    )
    return await reader.fetch(sql, *conditions.arguments)
