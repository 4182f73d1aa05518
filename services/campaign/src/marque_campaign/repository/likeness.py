"""SQL of who responded to a campaign, what was known of them then, and of whom the same is known now.

What is known of somebody is written once (`_KNOWN`), over what they did until a day (`d`) and their cars (`c`): for learning as it was
when the campaign was launched, so that nothing that the campaign brought about tells who responded; for ranking as it is now. Only
people who agreed to profiling and whose processing is not restricted are learned from and ranked; who was erased has no row.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from servicekit.db import families
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.repository.audience import SALE, VISIT
from marque_campaign.rules.likeness import FEATURES, NUMBER, Band, Learned, Model

MOST_OF_A_KIND = 10_000
RANKING_MS = 55_000
_PROFILED = "(NOT p.restricted AND EXISTS (SELECT FROM unnest(p.consents) AS one WHERE starts_with(one, 'PROFILING:')))"
_KNOWN = {
    "kind": "p.kind",
    "language": "p.language",
    "market": "p.market",
    "interests": "cardinality(p.interests)",
    "visits": "d.visits",
    "visit_days": "CAST(:day AS date) - d.visit",
    "purchases": "d.sales",
    "purchase_days": "CAST(:day AS date) - d.sale",
    "score": "nullif(d.score, 'NaN')",
    "cars": "coalesce(c.cars, 0)",
    "car_days": "CAST(:day AS date) - c.newest",
    "electric": "CASE WHEN c.electric THEN 'YES' WHEN c.cars > 0 THEN 'NO' END",
}
_CARS = "count(*) AS cars, max(k.sold_date) AS newest, bool_or(k.energy = 'ELECTRIC') AS electric FROM audience_cars k"
_VALUES = ", ".join(
    f"CAST({_KNOWN[one.name]} AS {'double precision' if one.kind == NUMBER else 'text'}) AS {one.name}"
    for one in FEATURES
)
# Reached: a provider took it and it did not come back.
_LEARNED = sa.text(f"""
WITH RECURSIVE {families.survivors("ARRAY(SELECT customer_id FROM campaign_sends WHERE campaign_id = :campaign AND state IN (4, 5))")},
people AS (
    SELECT t.customer_id, bool_or(EXISTS (
        SELECT FROM campaign_responses r WHERE r.campaign_id = s.campaign_id AND r.kind = :kind AND r.send_id = s.send_id AND r.credited
    )) AS responded
    FROM campaign_sends s JOIN top t ON t.asked = s.customer_id WHERE s.campaign_id = :campaign AND s.state IN (4, 5) GROUP BY 1),
able AS (
    SELECT n.customer_id, n.responded, row_number() OVER one AS place, count(*) OVER (PARTITION BY n.responded) AS alike,
        (SELECT count(*) FROM people) AS reached
    FROM people n JOIN audience_people p USING (customer_id) WHERE {_PROFILED}
    WINDOW one AS (PARTITION BY n.responded ORDER BY md5(n.customer_id::text))),
drawn AS (SELECT * FROM able WHERE place <= :most),
{families.merged("SELECT customer_id AS root FROM drawn")},
told AS (
    SELECT f.root, count(*) FILTER (WHERE e.kind = {VISIT}) AS visits, max(e.moment) FILTER (WHERE e.kind = {VISIT}) AS visit,
        count(*) FILTER (WHERE e.kind = {SALE}) AS sales, max(e.moment) FILTER (WHERE e.kind = {SALE}) AS sale
    FROM family f JOIN audience_deeds e ON e.customer_id = f.customer_id AND e.standing AND e.moment < :launched GROUP BY f.root),
scored AS (
    SELECT DISTINCT ON (f.root) f.root, g.score FROM family f JOIN audience_scores g USING (customer_id)
    WHERE g.moment < :launched ORDER BY f.root, g.moment DESC, g.invitation_id)
SELECT o.responded, o.alike, o.reached, {_VALUES}
FROM drawn o JOIN audience_people p USING (customer_id)
LEFT JOIN LATERAL (
    SELECT coalesce(t.visits, 0) AS visits, (t.visit AT TIME ZONE :zone)::date AS visit, coalesce(t.sales, 0) AS sales,
        (t.sale AT TIME ZONE :zone)::date AS sale, g.score
    FROM (SELECT) AS here LEFT JOIN told t ON t.root = o.customer_id LEFT JOIN scored g ON g.root = o.customer_id) AS d ON true
LEFT JOIN LATERAL (SELECT {_CARS} WHERE k.person_id = o.customer_id AND k.sold_date < CAST(:day AS date)) AS c ON true
ORDER BY md5(o.customer_id::text)""")  # noqa: S608 - our own words
_NOW = f"""
SELECT p.customer_id, p.consents, {_VALUES} FROM audience_people p
LEFT JOIN LATERAL (
    SELECT p.visit_count AS visits, p.last_visit_date AS visit, p.purchase_count AS sales, p.last_purchase_date AS sale,
        p.last_score AS score) AS d ON true
LEFT JOIN (SELECT k.person_id, {_CARS} WHERE k.sold_date < CAST(:day AS date) GROUP BY 1) AS c ON c.person_id = p.customer_id
WHERE {_PROFILED}"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Examples:
    """What was known of people at a launch, in the order of `FEATURES`, and who responded; of how many each kind was drawn."""

    rows: list[list[Any]]
    labels: list[int]
    responders: int
    others: int
    left_out: int

    @property
    def shift(self) -> float:
        """What the odds of a response are lowered by, where only a part of those who did not respond was taken."""
        taken = sum(self.labels), len(self.labels) - sum(self.labels)
        if not all(taken):
            return 0.0
        return math.log(self.responders / taken[0]) - math.log(self.others / taken[1])


async def examples(session: AsyncSession, campaign: Any, kind: int, day: date, zone: str) -> Examples:
    """Returns what was known of those whom a campaign reached, on the day of its launch."""
    await _patient(session)
    given = {"campaign": campaign["campaign_id"], "kind": kind, "launched": campaign["launch_time"], "day": day, "zone": zone,
             "most": MOST_OF_A_KIND}  # fmt: skip
    found = (await session.execute(_LEARNED, given)).all()
    counts = {row.responded: row.alike for row in found}
    reached = found[0].reached if found else 0
    return Examples(
        [[getattr(row, one.name) for one in FEATURES] for row in found],
        [int(row.responded) for row in found],
        counts.get(True, 0),
        counts.get(False, 0),
        reached - sum(counts.values()),
    )


async def nearest(
    session: AsyncSession, model: Model, campaign_id: uuid.UUID, consent: str, day: date, most: int
) -> Sequence[uuid.UUID]:
    """Returns those who are most alike, who agreed to `consent` (PURPOSE:CHANNEL; empty for any), and whom the campaign did not address."""
    await _patient(session)
    words: dict[str, str] = {}
    score = " + ".join(_weighed(one, words) for one in model.features)
    query = sa.text(f"""
WITH RECURSIVE {families.survivors(_ADDRESSED)}
SELECT n.customer_id FROM ({_NOW}) AS n
WHERE (:consent = '' OR :consent = ANY(n.consents))
AND NOT EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = :campaign AND s.customer_id = n.customer_id)
AND NOT EXISTS (SELECT FROM top t WHERE t.customer_id = n.customer_id)
ORDER BY {score} DESC, n.customer_id LIMIT :most""")  # noqa: S608 - numbers of ours, words as bound values
    given = {"consent": consent, "campaign": campaign_id, "day": day, "most": most, **words}
    return list(await session.scalars(query, given))


# Of those who were addressed, who was merged since.
_ADDRESSED = """ARRAY(SELECT s.customer_id FROM campaign_sends s
    JOIN customer_aliases a ON a.from_customer_id = s.customer_id AND a.known_until IS NULL WHERE s.campaign_id = :campaign)"""


def _weighed(one: Learned, words: dict[str, str]) -> str:
    """The weight of a feature as SQL; words are added to the bound values."""
    column, cases, rest = f"n.{one.name}", [], 0.0
    for band in one.bands:
        if band.other:
            rest = band.weight
            continue
        cases.append(f"WHEN {_inside(column, band, words)} THEN {_number(band.weight)}")
    known = f"WHEN {column} IS NOT NULL THEN {_number(rest)}" if rest else ""
    return f"CASE {' '.join(cases)} {known} ELSE {_number(0.0)} END"


def _inside(column: str, band: Band, words: dict[str, str]) -> str:
    if band.unknown:
        return f"{column} IS NULL"
    if band.word is not None:
        name = f"word_{len(words)}"
        words[name] = band.word
        return f"{column} = :{name}"
    return f"{column} IS NOT NULL" if band.upto is None else f"{column} <= {_number(band.upto)}"


def _number(value: float) -> str:
    """A number of a model as SQL. Raises ValueError for what is none."""
    if not math.isfinite(value):
        raise ValueError("a model has finite weights")
    return f"({float(value)!r})::double precision"


async def _patient(session: AsyncSession) -> None:
    await session.execute(sa.text("SELECT set_config('statement_timeout', :most, true)"), {"most": str(RANKING_MS)})
