"""Classes of value in a real database: what SQL counts of deeds is what the rule says, and who is in which class can be asked."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest_asyncio
import sqlalchemy as sa
from marque_campaign.models import AudienceDeed, AudiencePerson
from marque_campaign.repository import audience
from marque_campaign.repository import value as repository
from marque_campaign.repository.segment_sql import PEOPLE, Asked, SegmentSql
from marque_campaign.rules import value
from marque_campaign.rules.segments.check import read
from marque_campaign.usecases import value as usecases
from marque_campaign.usecases.segments import Days
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.testing.platform import Platform

ZONE = "Asia/Shanghai"


class Shop:
    """People with deeds, and what they are to the rule: their days, what they spent, and whether their processing is restricted."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.days: dict[uuid.UUID, list[date]] = {}
        self.spend: dict[uuid.UUID, int | None] = {}
        self.restricted: set[uuid.UUID] = set()

    def work(self) -> UnitOfWork:
        """A unit of work of nobody."""
        return UnitOfWork(self.database, Call(SYSTEM, "value"))

    async def rows(self) -> dict[uuid.UUID, Any]:
        """Everybody as the database knows them."""
        async with self.work() as uow:
            found = (await uow.session.execute(sa.select(PEOPLE))).all()
        return {row.customer_id: row for row in found if row.customer_id in self.days}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(platform: Platform) -> AsyncIterator[Shop]:
    """Three hundred people with up to eight deeds each, some about midnight in Shanghai, some taken back, some of people without any."""
    await platform.prepare("campaign")
    made, chance = Shop(Database(platform.databases["campaign"])), random.Random(5)
    people, deeds = [], []
    for _ in range(300):
        key = uuid.UUID(int=chance.getrandbits(128))
        made.spend[key] = chance.choice([None, 0, chance.randrange(10_000)])
        restricted = chance.random() < 0.1
        if restricted:
            made.restricted.add(key)
        made.days[key] = []
        for _ in range(chance.choice((0, 1, 1, 2, 4, 8))):
            moment = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=chance.randrange(20_000))
            kind, standing = chance.choice([audience.SALE, audience.VISIT, audience.CASE]), chance.random() < 0.8
            deeds.append(
                {"kind": kind, "deed_id": uuid.uuid4(), "customer_id": key, "vin": "", "moment": moment, "standing": standing,
                 "heard_version": 1}
            )  # fmt: skip
            if standing and kind != audience.CASE:
                made.days[key].append(moment.astimezone(ZoneInfo(ZONE)).date())
        people.append({"customer_id": key, "spend": made.spend[key], "restricted": restricted})
    async with made.work() as uow:
        await uow.session.execute(sa.insert(AudiencePerson).values(people))
        await uow.session.execute(sa.insert(AudienceDeed).values(deeds))
        await audience.count_deeds(uow.session, sorted(made.days), ZONE)
    yield made
    await made.database.engine.dispose()


def history(row: Any, today: date) -> value.History | None:
    """What the columns say of somebody."""
    if row.first_activity_date is None:
        return None
    lately = (row.last_activity_date - row.first_activity_date).days
    return value.History(row.active_days - 1, lately, (today - row.first_activity_date).days)


class TestValue:
    async def test_what_is_counted_of_deeds_equals_the_rule(self, shop: Shop) -> None:
        today = date(2026, 3, 1)
        rows = await shop.rows()

        assert {key: history(row, today) for key, row in rows.items()} == {
            key: value.history(days, today) for key, days in shop.days.items()
        }

    async def test_a_day_s_work_puts_everybody_into_the_class_of_the_rule_and_again_changes_nothing(
        self, shop: Shop, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(usecases, "AT_ONCE", 130)
        days, key, steps = Days(ZONE), "", 0
        async with shop.work() as uow:
            tomorrow = await usecases.renew(uow, "", days)
            today = days.day(uow.now)
        key = str(uuid.UUID(int=0))
        while True:
            async with shop.work() as uow:
                await usecases.renew(uow, key, days)
                sql = "SELECT max(key) FROM due_work WHERE kind = 'value-classes' AND key > :key"
                found = await uow.session.scalar(sa.text(sql), {"key": key})
            steps += 1
            if found is None:
                break
            key = found
        rows = await shop.rows()
        known = [one for one in shop.days if one not in shop.restricted]
        told: dict[str, dict[uuid.UUID, float | None]] = {
            value.RECENCY: {one: (today - max(shop.days[one])).days if shop.days[one] else None for one in shop.days},
            value.FREQUENCY: {one: len(set(shop.days[one])) or None for one in shop.days},
            value.MONETARY: dict(shop.spend),
        }

        assert tomorrow is not None
        assert timedelta(0) < tomorrow - now() <= timedelta(days=1, hours=1)
        assert steps >= 3
        for measure, values in told.items():
            ends = value.edges(one for key in known if (one := values[key]) is not None)
            expected = {
                one: None if one in shop.restricted else value.class_of(values[one], ends, measure) for one in shop.days
            }
            assert {one: getattr(row, f"rfm_{measure}") for one, row in rows.items()} == expected
        async with shop.work() as uow:
            await repository.classify(uow.session, sorted(shop.days), today)
        assert await shop.rows() == rows

    async def test_a_segment_asks_for_classes(self, shop: Shop) -> None:
        async with shop.work() as uow:
            await repository.measure(uow.session, date(2026, 3, 1))
            await repository.classify(uow.session, sorted(shop.days), date(2026, 3, 1))
        rows = await shop.rows()
        rule = read("person.rfm_recency >= 4 && person.rfm_frequency >= 4 && person.active_days > 1")
        where = SegmentSql(Asked(date(2026, 3, 1), {})).where(rule.condition)
        async with shop.work() as uow:
            found = set(await uow.session.scalars(sa.select(PEOPLE.c.customer_id).where(where)))

        best = {
            key
            for key, row in rows.items()
            if (row.rfm_recency or 0) >= 4 and (row.rfm_frequency or 0) >= 4 and row.active_days > 1
        }
        assert found & rows.keys() == best != set()
