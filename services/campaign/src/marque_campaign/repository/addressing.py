"""SQL of a campaign's audience: who is in it at one moment, and the rules that keep people out."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import AudienceListMember, SuppressionRule
from marque_campaign.repository.merged_members import merged
from marque_campaign.repository.segment_sql import PEOPLE, Asked, SegmentSql, proved
from marque_campaign.repository.segments import within
from marque_campaign.rules.segments import tree

# One statement sees one moment, and so many may take a while; a worker's other statements keep the short limit.
SNAPSHOT_MS = 55_000
# Everybody is read. Of a long rule the planner expects nobody, and would compare each person with each car by a nested loop: at 20,000
# people that is 29 million comparisons, and grows with their square.
_WHOLE = sa.text("SELECT set_config('statement_timeout', :most, true), set_config('enable_nestloop', :loops, true)")
_MEMBERS: Any = AudienceListMember.__table__


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose list is written (`into`), of which list (`listed`), segment (`rule`) and owner, and without whom."""

    into: uuid.UUID
    listed: uuid.UUID | None
    dealer: uuid.UUID | None
    rule: tree.Condition | None
    excludes: Sequence[tree.Condition]


async def snapshot(
    session: AsyncSession, audience: Audience, asked: Asked, moment: datetime, most_ms: int = SNAPSHOT_MS
) -> int:
    """Writes everybody of an audience onto its list, by the database alone, each statement in `most_ms`; returns how many."""
    await session.execute(_WHOLE, {"most": str(most_ms), "loops": "off"})
    made = SegmentSql(asked)
    out = [proved(made.where(one)) for one in audience.excludes]
    fixed = (sa.literal(audience.into, sa.Uuid()), sa.literal(moment, sa.DateTime(timezone=True)))
    found = 0
    if audience.rule is not None:
        kept = [sa.not_(one) for one in out]
        people = sa.select(fixed[0], PEOPLE.c.customer_id, fixed[1]).where(
            made.where(audience.rule), within(audience.dealer), *kept
        )
        found += await _insert(session, people)
    if audience.listed is not None:
        left_out = sa.select(PEOPLE.c.customer_id).where(
            PEOPLE.c.customer_id == _MEMBERS.c.customer_id, sa.or_(sa.false(), *out)
        )
        was = merged(audience.listed).subquery()
        merged_out = (
            sa.select(was.c.asked)
            .join(PEOPLE, PEOPLE.c.customer_id == was.c.customer_id)
            .where(sa.or_(sa.false(), *out))
        )
        listed = sa.select(fixed[0], _MEMBERS.c.customer_id, fixed[1]).where(
            _MEMBERS.c.audience_list_id == audience.listed,
            ~left_out.exists(),
            _MEMBERS.c.customer_id.not_in(merged_out),
        )
        found += await _insert(session, listed)
    await session.execute(_WHOLE, {"most": str(most_ms), "loops": "on"})
    return found


async def _insert(session: AsyncSession, people: sa.Select[Any]) -> int:
    names = ["audience_list_id", "customer_id", "create_time"]
    done: Any = await session.execute(insert(_MEMBERS).from_select(names, people).on_conflict_do_nothing())
    return int(done.rowcount)


async def rules_for(session: AsyncSession, kind: int) -> list[tuple[str, str]]:
    """Returns code and text of the rules that hold for a kind of campaign, by their codes."""
    rule = SuppressionRule
    holds = sa.or_(sa.func.cardinality(rule.kinds) == 0, sa.literal(kind) == sa.func.any(rule.kinds))
    found = await session.execute(sa.select(rule.code, rule.rule).where(rule.enabled, holds).order_by(rule.code))
    return [(row.code, row.rule) for row in found]


async def all_rules(session: AsyncSession) -> list[SuppressionRule]:
    """Returns every rule, by its code; there are few."""
    return list(await session.scalars(sa.select(SuppressionRule).order_by(SuppressionRule.code).limit(1000)))


async def lock_rule(session: AsyncSession, code: str) -> SuppressionRule | None:
    """Returns a rule for change."""
    found = sa.select(SuppressionRule).where(SuppressionRule.code == code).with_for_update()
    return (await session.scalars(found)).one_or_none()
