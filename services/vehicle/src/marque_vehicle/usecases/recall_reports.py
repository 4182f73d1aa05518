"""Reports on recalls for authorities: from frozen versions of the scope, and what was known of their cars at the end of each period."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from servicekit.db.engine import Reader
from servicekit.errors import InvalidArgument

from marque_vehicle.errors import RecallNotOpen
from marque_vehicle.repository import recalls as repository
from marque_vehicle.rules import days
from marque_vehicle.rules import recall_reports as rules


async def figures(
    reader: Reader, recall: Any, authority: int, until: date | None, now: datetime
) -> tuple[dict[str, Any], list[rules.Period], list[rules.Standing]]:
    """Returns what an authority asks for: the recall's `code`, `title` and days `opened` and `closed`, its periods, and where it stood at
    the end of each. Raises RecallNotOpen for a draft, InvalidArgument for a day outside the recall.
    """
    if recall["open_time"] is None:
        raise RecallNotOpen()
    name = rules.ZONES[authority]
    opened, closed = _day(recall["open_time"], name), recall["close_time"] and _day(recall["close_time"], name)
    today = _day(now, name)
    last = until or today
    if not opened <= last <= today:
        raise InvalidArgument.of("until_date", "DATE_OUT_OF_RANGE", "Give a day from the recall's beginning to today.")
    periods = rules.quarters(opened, last) if authority == rules.US else rules.phases(opened, last, closed)
    ends = [days.beginning(period.last + timedelta(days=1), name) for period in periods]
    frozen = [
        (one["scope_version"], one["freeze_time"]) for one in await repository.scopes_of(reader, recall["recall_id"])
    ]
    versions = [max((version for version, moment in frozen if moment < end), default=0) for end in ends]
    cars = await repository.count_fates(reader, recall["recall_id"], ends)
    facts = {"code": recall["code"], "title": recall["title"], "opened": opened, "closed": closed}
    if closed and closed > last:
        facts["closed"] = None  # as it was known then
    return facts, periods, rules.standings(versions, cars)


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(days.zone(zone)).date()
