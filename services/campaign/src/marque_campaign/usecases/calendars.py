"""Campaigns that a date or a calendar brings about: each day those whose date it is, or at each occurrence an audience anew."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from servicekit.db.uow import UnitOfWork

from marque_campaign.errors import CampaignNotFound
from marque_campaign.models import Campaign, CampaignOccurrence
from marque_campaign.models.legs import subject_of
from marque_campaign.repository import calendars as repository
from marque_campaign.repository import runs
from marque_campaign.repository.scope import EVERYTHING
from marque_campaign.repository.segment_sql import Asked
from marque_campaign.rules import dates, kinds, steps
from marque_campaign.rules.segments.check import read
from marque_campaign.usecases import addressing, campaigns

DATES, OCCURRENCES = "campaign-dates", "campaign-occurrences"
AT_ONCE = 20_000
_FIRST = uuid.UUID(int=0)
# While a campaign rests, nothing new is planned; so often it is asked whether it goes on.
_REST = timedelta(minutes=1)
_MOMENT = timedelta(microseconds=1)


async def begin(uow: UnitOfWork, campaign: Campaign) -> bool:
    """Starts the calendar of a campaign that is launched; False for one that a list or a deed brings about."""
    kind = DATES if campaign.due_date else OCCURRENCES if campaign.recurrence else ""
    if kind:
        await uow.schedule(kind, str(campaign.campaign_id), uow.now)
    return bool(kind)


async def by_date(uow: UnitOfWork, key: str) -> datetime | None:
    """Begins the runs of those for whom the hour of their date came, in their own zone or else the campaign's, and of the last days as far
    as they are not there; then waits until the hour comes for the next of the zones in which people are.
    """
    campaign = await _running(uow, key)
    if campaign is None or campaign.due_date is None or campaign.launch_time is None:
        return None
    due, zone = campaign.due_date, campaign.time_zone
    here = ZoneInfo(zone)
    today, launched = uow.now.astimezone(here).date(), campaign.launch_time.astimezone(here).date()
    zones = {"": zone, **{name: dates.zone_or(name, zone) for name in await repository.zones(uow.session)}}
    first = max(launched - timedelta(days=dates.APART_DAYS), today - timedelta(days=dates.CATCH_UP_DAYS))
    whom, left = _whom(campaign, today), AT_ONCE
    for number in range((today - first).days + dates.APART_DAYS + 1):
        day = first + timedelta(days=number)
        # Where it is another day than here when the campaign is launched, that day's hour may still be to come.
        since = campaign.launch_time if day < launched else None
        if mine := dates.whose_hour_came(day, due["local_minute"], zones, since, uow.now):
            about = day - timedelta(days=due["offset_days"])
            left -= await repository.begin(uow.session, whom, mine, due, about, uow.now, left)
        if left <= 0:
            return uow.now
    return min(dates.next_minute(uow.now + _MOMENT, due["local_minute"], one) for one in set(zones.values()))


def _whom(campaign: Campaign, today: date) -> repository.Whom:
    """The rules of the audience, as they were frozen, asked on a day."""
    rules = (campaign.frozen or {}).get(addressing.AUDIENCE) or {"rule": "", "excludes": [], "nested": {}}
    return repository.Whom(
        campaign.campaign_id,
        campaign.dealer_id,
        campaign.audience_list_id,
        read(rules["rule"]).condition if rules["rule"] else None,
        [read(text).condition for text in rules["excludes"]],
        Asked(today, {uuid.UUID(one): read(text).condition for one, text in rules["nested"].items()}),
    )


async def by_calendar(uow: UnitOfWork, key: str) -> datetime | None:
    """Writes down the people of an occurrence, some thousands in a transaction, or begins the next one; None after the last.

    An occurrence that is found too late, because nothing ran or the campaign was paused, is left out and counted.
    """
    campaign = await _running(uow, key)
    if campaign is None or campaign.recurrence is None or campaign.start_time is None:
        return None
    last = await repository.last(uow.session, campaign.campaign_id)
    if last is not None and last.plan_time is None and await _plan(uow, campaign, last):
        return uow.now
    again = recurrence_of(campaign.recurrence)
    number = 0 if last is None else last.number + 1
    due = again.at(campaign.start_time, campaign.time_zone, number)
    if due is None:
        campaign.plan_time = uow.now
        return None
    if due > uow.now:
        return due
    late = again.is_late(due, uow.now)
    if campaign.state == kinds.PAUSED and not late:
        return uow.now + _REST
    made = CampaignOccurrence(
        campaign_id=campaign.campaign_id, number=number, occur_time=due, create_time=uow.now, skipped=late,
        plan_time=uow.now if late else None,
    )  # fmt: skip
    uow.session.add(made)
    if not late:
        today = uow.now.astimezone(ZoneInfo(campaign.time_zone)).date()
        made.audience_list_id = await addressing.listed(uow, campaign, today, uow.now)
    return uow.now


def recurrence_of(kept: dict[str, Any]) -> dates.Recurrence:
    """The recurrence of its kept form."""
    until = date.fromisoformat(kept["until"]) if kept["until"] else None
    return dates.Recurrence(kept["frequency"], kept["interval"], kept["count"], until, kept["late_hours"])


async def _plan(uow: UnitOfWork, campaign: Campaign, one: CampaignOccurrence) -> bool:
    """Writes down some people of an occurrence; False when all are there."""
    values = {
        "list": one.audience_list_id,
        "campaign": campaign.campaign_id,
        "launched": one.create_time,
        "after": one.plan_cursor or _FIRST,
        "most": AT_ONCE,
        "now": uow.now,
        "occurrence": one.occur_time.strftime("%Y-%m-%dT%H:%MZ"),
    }
    last = await runs.plan(uow.session, values, by_car=subject_of(campaign) == steps.VIN)
    if last is None:
        one.plan_time = uow.now
    else:
        one.plan_cursor = last
    return last is not None


async def _running(uow: UnitOfWork, key: str) -> Campaign | None:
    try:
        campaign = await campaigns.found(uow, EVERYTHING, uuid.UUID(key))
    except CampaignNotFound:
        return None
    return campaign if campaign.state in (kinds.RUNNING, kinds.PAUSED) else None
