"""SQL of campaigns that a date or a calendar brings about: whose date it is, and how often they came."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import (
    AudienceCar,
    AudienceHolding,
    AudienceListMember,
    CampaignOccurrence,
    CampaignRun,
)
from marque_campaign.repository.merged_members import survivors
from marque_campaign.repository.segment_sql import PEOPLE, Asked, SegmentSql, proved
from marque_campaign.repository.segments import within
from marque_campaign.rules import dates
from marque_campaign.rules.runs import GOING
from marque_campaign.rules.segments import tree

_RUNS: Any = CampaignRun.__table__
_CARS: Any = AudienceCar.__table__
_HOLDINGS: Any = AudienceHolding.__table__
_MEMBERS: Any = AudienceListMember.__table__
_NAMES = ("run_id", "campaign_id", "customer_id", "subject", "occurrence", "line_key", "vin", "holding_id", "due_date", "step", "state",
          "step_time", "wake_time", "create_time", "update_time")  # fmt: skip
# From one to the next by the index, as there are few zones and many people.
_ZONES = sa.text("""
WITH RECURSIVE found AS (
    SELECT min(time_zone) AS time_zone FROM audience_people
    UNION ALL
    SELECT (SELECT min(p.time_zone) FROM audience_people p WHERE p.time_zone > f.time_zone) FROM found f WHERE f.time_zone IS NOT NULL)
SELECT time_zone FROM found WHERE time_zone <> '' ORDER BY 1
""")


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a campaign is for on a day: of which owner, on which list, of which segment, and without whom."""

    campaign_id: uuid.UUID
    dealer: uuid.UUID | None
    listed: uuid.UUID | None
    rule: tree.Condition | None
    excludes: Sequence[tree.Condition]
    asked: Asked


async def zones(session: AsyncSession) -> list[str]:
    """Returns the zones in which people are, as they are told of."""
    return list((await session.execute(_ZONES)).scalars())


async def begin(
    session: AsyncSession,
    whom: Whom,
    where: Sequence[str],
    due: Mapping[str, Any],
    day: date,
    now: datetime,
    most: int,
) -> int:
    """Begins runs of those whose date it is on a day, each subject once; returns how many, `most` at most. `where`: of people in these
    zones, an empty one for those of whom it is not known.
    """
    which = due["date"]
    source: Any
    vin: Any
    if which == dates.BIRTHDAY:
        key, source = PEOPLE.c.customer_id, PEOPLE
        born = [sa.and_(PEOPLE.c.birth_month == month, PEOPLE.c.birth_day == of) for month, of in dates.born_on(day)]
        fits = sa.and_(sa.or_(*born), PEOPLE.c.kind == "PERSON")
        subject, vin, holding = sa.cast(key, sa.Text), sa.literal(""), sa.null()
    elif which in dates.OF_CARS:
        source = PEOPLE.join(_CARS, _CARS.c.person_id == PEOPLE.c.customer_id)
        days = dates.sold_on(day, due["years"]) if which == dates.SOLD else [day]
        fits = _CARS.c[dates.OF_CARS[which]].in_(days)
        subject, vin, holding = _CARS.c.vin, _CARS.c.vin, sa.null()
    else:
        source = PEOPLE.join(_HOLDINGS, _HOLDINGS.c.person_id == PEOPLE.c.customer_id)
        fits = _HOLDINGS.c[dates.OF_HOLDINGS[which]] == day
        if due["holding_kinds"]:
            fits = sa.and_(fits, _HOLDINGS.c.kind.in_(due["holding_kinds"]))
        subject, holding = sa.cast(_HOLDINGS.c.holding_id, sa.Text), _HOLDINGS.c.holding_id
        vin = sa.func.coalesce(_HOLDINGS.c.vin, "")
    occurrence = day.isoformat()
    there: Any = sa.select(sa.literal_column("1")).where(
        _RUNS.c.campaign_id == whom.campaign_id, _RUNS.c.subject == subject, _RUNS.c.occurrence == occurrence
    )
    run = sa.func.gen_random_uuid()
    found = (
        sa.select(
            run.label("run_id"), PEOPLE.c.customer_id.label("customer_id"), subject.label("subject"), vin.label("vin"),
            sa.cast(holding, sa.Uuid).label("holding_id"),
        )
        .select_from(source)
        .where(fits, sa.func.coalesce(PEOPLE.c.time_zone, "").in_(where), *_for(whom), ~there.correlate(*_froms(source)).exists())
        .limit(most)
        .cte("found")
    )  # fmt: skip
    moment = sa.literal(now, sa.DateTime(timezone=True))
    # Two cars of one person are two lines, told apart by their runs; a birthday of two who are one person is one.
    line_key = sa.literal(occurrence) if which == dates.BIRTHDAY else sa.cast(found.c.run_id, sa.Text)
    rows = sa.select(
        found.c.run_id, sa.literal(whom.campaign_id, sa.Uuid()), found.c.customer_id, found.c.subject, sa.literal(occurrence), line_key,
        found.c.vin, found.c.holding_id, sa.literal(day, sa.Date()), sa.literal(0), sa.literal(GOING), moment, moment, moment, moment,
    )  # fmt: skip
    done: Any = await session.execute(insert(_RUNS).from_select(_NAMES, rows).on_conflict_do_nothing())
    return int(done.rowcount)


def _froms(source: Any) -> list[Any]:
    return [PEOPLE] if source is PEOPLE else [source.left, source.right]


def _for(whom: Whom) -> list[Any]:
    made = SegmentSql(whom.asked)
    found: list[Any] = [within(whom.dealer)]
    found += [sa.not_(proved(made.where(one))) for one in whom.excludes]
    if whom.rule is not None:
        found.append(made.where(whom.rule))
    if whom.listed is not None:
        mine: Any = sa.select(sa.literal_column("1")).where(
            _MEMBERS.c.audience_list_id == whom.listed, _MEMBERS.c.customer_id == PEOPLE.c.customer_id
        )
        merged = PEOPLE.c.customer_id.in_(survivors(whom.listed))
        found.append(sa.or_(mine.correlate(PEOPLE).exists(), merged))
    return found


async def last(session: AsyncSession, campaign_id: uuid.UUID) -> CampaignOccurrence | None:
    """Returns how a campaign came last."""
    query = sa.select(CampaignOccurrence).where(CampaignOccurrence.campaign_id == campaign_id)
    return (await session.scalars(query.order_by(CampaignOccurrence.number.desc()).limit(1))).one_or_none()
