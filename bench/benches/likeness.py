"""Who responds: how well real responses are ranked, and how long a million people take to be ranked, put into classes, and listed."""

from __future__ import annotations

import csv
import os
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from marque_campaign.learning.train import learn
from marque_campaign.repository import addressing, likeness, value
from marque_campaign.repository.segment_sql import Asked
from marque_campaign.rules.likeness import FEATURES, NUMBER, WORD
from marque_campaign.rules.segments.check import read
from servicekit.db.base import now
from sqlalchemy.ext.asyncio import AsyncSession

from bench.benches.segments import PEOPLE_COUNT, QUICK_PEOPLE, TODAY, filled
from bench.report import Figure, Target

_DATA = Path(os.environ.get("MARQUE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
_NUMBERS = {"age", "balance", "day", "campaign", "pdays", "previous"}
_AT_ONCE = 20_000
_PATIENCE_MS = 600_000  # longer than a launch waits, so that what passes its limit is measured too
# Everything that makes a rule slow: loops that cannot stop early, text in every row, several negations.
_HEAVY = (
    "cars.exists_one(c, c.odometer_km > 1000 && c.model.contains('M')) && cars.all(c, c.open_recalls == 0 || c.age_days > 30) && "
    "!cars.exists(c, c.energy == 'ELECTRIC' && c.days_to_service < 0) && size(cars) * 2 < person.visit_count + 100 && "
    "(person.region.endsWith('7') || !person.region.endsWith('9')) && size(holdings) == 0"
).replace("'", '"')


async def lookalikes(quick: bool) -> list[Figure]:
    """Ranks real rows by what was learned of others, then a read model of made-up people."""
    count = QUICK_PEOPLE if quick else PEOPLE_COUNT
    found = [_real(6 if quick else 1)]
    async with filled(count) as database, AsyncSession(database.engine) as session:
        await session.execute(sa.text("UPDATE audience_people SET consents = consents || '{PROFILING:EMAIL}'::text[]"))
        await session.commit()
        model = learn({one.name: one.kind for one in FEATURES}, *_drawn())

        async def ranked() -> str:
            near = await likeness.nearest(session, model, uuid.uuid4(), "MARKETING:EMAIL", TODAY, 10_000)
            return f"the {len(near):,} nearest of {count:,} people"

        async def classed() -> str:
            await value.measure(session, TODAY)
            after: uuid.UUID | None = uuid.UUID(int=0)
            while after is not None:
                after = await value.classify_next(session, after, _AT_ONCE, TODAY)
            return f"{count:,} people, {_AT_ONCE:,} in a statement"

        async def listed() -> str:
            made = uuid.uuid4()
            names = "audience_list_id, version, create_time, update_time, name"
            sql = f"INSERT INTO audience_lists ({names}) VALUES (:key, 1, now(), now(), '')"
            await session.execute(sa.text(sql), {"key": made})
            out = tuple(
                read(f"person.spend == {n} || cars.exists(c, c.odometer_km == {n})").condition for n in range(3)
            )
            people = addressing.Audience(made, None, None, read(_HEAVY).condition, out)
            whole = await addressing.snapshot(session, people, Asked(TODAY, {}), now(), _PATIENCE_MS)
            return f"{whole:,} of {count:,} people, one statement, which may take 55 s"

        for name, work in (
            ("look-alikes ranked", ranked),
            ("classes of value", classed),
            ("snapshot, heavy rule", listed),
        ):
            found.append(await _timed(session, name, work))
    return found


async def _timed(session: AsyncSession, name: str, work: Callable[[], Awaitable[str]]) -> Figure:
    began = time.perf_counter()
    note = await work()
    seconds = time.perf_counter() - began
    await session.rollback()
    return Figure("lookalikes", name, seconds, "s", note=note)


def _real(step: int) -> Figure:
    """The AUC of bank_marketing_uci without the length of the call, which is known only once somebody answered."""
    with (_DATA / "bank_marketing_uci" / "bank-full.csv").open() as file:
        rows = list(csv.DictReader(file))[::step]
    kinds = {name: NUMBER if name in _NUMBERS else WORD for name in rows[0] if name not in ("y", "duration")}
    values = [[float(row[name]) if name in _NUMBERS else row[name] for name in kinds] for row in rows]
    began = time.perf_counter()
    model = learn(kinds, values, [int(row["y"] == "yes") for row in rows])
    note = f"{model.auc_low:.3f} to {model.auc_high:.3f}; {len(rows):,} rows in {time.perf_counter() - began:.1f} s, by fifths left out"
    return Figure(
        "lookalikes", "AUC, real responses", model.auc, "", target=Target("ours", "at least", 0.74), note=note
    )


def _drawn() -> tuple[list[list[Any]], list[int]]:
    """Made-up people of whom those with many visits respond."""
    chance, rows, labels = random.Random(1), [], []
    for _ in range(2000):
        visits = chance.randrange(9)
        known = {"visits": visits, "visit_days": chance.randrange(900), "cars": chance.randrange(3), "language": "en"}
        rows.append([known.get(one.name) for one in FEATURES])
        labels.append(int(chance.random() < visits / 20))
    return rows, labels
