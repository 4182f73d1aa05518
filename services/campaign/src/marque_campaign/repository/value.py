"""SQL of the classes of value: where they end, and who is in which. The arithmetic is that of `rules.value`."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.rules.value import BEST, FREQUENCY, MEASURES, MONETARY, RECENCY, SHARES

MEASURE_MS = 55_000
# What is measured of somebody; NULL where there is nothing to measure. Whose processing is restricted is not measured.
_VALUES = {
    RECENCY: "CAST(:today AS date) - p.last_activity_date",
    FREQUENCY: "nullif(p.active_days, 0)",
    MONETARY: "p.spend",
}
_SHARES = ", ".join(str(share) for share in SHARES)
_FOUND = ", ".join(
    f"percentile_disc(ARRAY[{_SHARES}]) WITHIN GROUP (ORDER BY {value}) AS {name}, count({value}) AS {name}_people"
    for name, value in _VALUES.items()
)
_LINES = " UNION ALL ".join(
    f"SELECT '{name}', coalesce({name}::double precision[], '{{}}'), {name}_people, CAST(:today AS date) FROM found"  # noqa: S608
    for name in MEASURES
)
_MEASURE = sa.text(f"""
WITH found AS (SELECT {_FOUND} FROM audience_people p WHERE NOT p.restricted)
INSERT INTO value_classes (measure, ends, people, day) {_LINES}
ON CONFLICT (measure) DO UPDATE SET ends = excluded.ends, people = excluded.people, day = excluded.day""")  # noqa: S608 - our own words
_ABOVE = " + ".join(f"({{0}} > {{1}}.ends[{place}])::int" for place in range(1, BEST))


def _class(name: str) -> str:
    above = _ABOVE.format(f"({_VALUES[name]})", name)
    found = f"{BEST} - ({above})" if name == RECENCY else f"1 + {above}"
    return f"CASE WHEN NOT p.restricted AND cardinality({name}.ends) > 0 THEN {found} END"


_ENDS = " ".join(f"LEFT JOIN value_classes {name} ON {name}.measure = '{name}'" for name in MEASURES)
_CLASSIFY = f"""
UPDATE audience_people a SET rfm_recency = n.recency, rfm_frequency = n.frequency, rfm_monetary = n.monetary
FROM (SELECT p.customer_id, {", ".join(f"{_class(name)} AS {name}" for name in MEASURES)}
      FROM audience_people p {_ENDS} WHERE p.customer_id {{whom}}) AS n
WHERE a.customer_id = n.customer_id
AND (a.rfm_recency, a.rfm_frequency, a.rfm_monetary) IS DISTINCT FROM (n.recency, n.frequency, n.monetary)"""  # noqa: S608 - our own words
_SOME = sa.text(_CLASSIFY.format(whom="= ANY(CAST(:ids AS uuid[]))"))
_SPAN = sa.text(_CLASSIFY.format(whom="> :after AND p.customer_id <= :last"))
_LAST = sa.text(
    "SELECT max(customer_id::text)::uuid FROM (SELECT customer_id FROM audience_people WHERE customer_id > :after "
    "ORDER BY customer_id LIMIT :most) AS next"
)


async def measure(session: AsyncSession, today: date) -> None:
    """Finds anew where classes end."""
    await session.execute(sa.text("SELECT set_config('statement_timeout', :most, true)"), {"most": str(MEASURE_MS)})
    await session.execute(_MEASURE, {"today": today})


async def classify(session: AsyncSession, ids: Sequence[uuid.UUID], today: date) -> None:
    """Puts people into classes by the ends that are kept."""
    await session.execute(_SOME, {"ids": list(ids), "today": today})


async def classify_next(session: AsyncSession, after: uuid.UUID, most: int, today: date) -> uuid.UUID | None:
    """Puts the next people by id into classes; returns the last of them, None where there is nobody left."""
    last: uuid.UUID | None = await session.scalar(_LAST, {"after": after, "most": most})
    if last is not None:
        await session.execute(_SPAN, {"after": after, "last": last, "today": today})
    return last
