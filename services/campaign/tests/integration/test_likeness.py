"""Who responded to a campaign, as a real database tells it, and a list of those who resemble them."""

from __future__ import annotations

import asyncio
import itertools
import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from marque.campaign.v1 import campaign_insight_service_pb2 as messages
from marque_campaign.clients.learner import Learner
from marque_campaign.learning.train import learn
from marque_campaign.models import (
    AudienceCar,
    AudienceDeed,
    AudiencePerson,
    Campaign,
    CampaignResponse,
    CampaignSend,
)
from marque_campaign.repository import audience
from marque_campaign.repository import likeness as repository
from marque_campaign.rules.likeness import FEATURES
from servicekit import aliases
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until

ZONE = "Asia/Shanghai"
LAUNCH = datetime(2026, 2, 1, 4, tzinfo=UTC)
DAY = date(2026, 2, 1)
PURCHASE = 7
TOLD: dict[str, Any] = {
    "kind": 1,
    "state": 7,
    "author": "a",
    "frozen": {},
    "launch_time": LAUNCH,
    "finish_time": LAUNCH,
}
AGREED = ["MARKETING:EMAIL", "PROFILING:EMAIL"]


class Shop:
    """A campaign of the past: four hundred people whom it reached, and as many others."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.database = Database(platform.databases["campaign"])
        self.campaign = uuid.uuid4()
        self.reached: list[uuid.UUID] = []
        self.responded: set[uuid.UUID] = set()
        self.shy: set[uuid.UUID] = set()

    def work(self) -> UnitOfWork:
        """A unit of work of nobody."""
        return UnitOfWork(self.database, Call(SYSTEM, "likeness"))

    async def examples(self) -> repository.Examples:
        """What is learned from."""
        async with self.work() as uow:
            campaign = {"campaign_id": self.campaign, "launch_time": LAUNCH}
            return await repository.examples(uow.session, campaign, PURCHASE, DAY, ZONE)

    async def call(self, rpc: str, /, **fields: Any) -> Any:
        """Calls an RPC about the campaign."""
        request = getattr(messages, f"{rpc}Request")(**{"campaign_id": str(self.campaign), **fields})
        client = self.platform.client("campaign", "oem.marketing")
        return await client.call(f"campaign.v1.CampaignInsightService/{rpc}", request, timeout=500)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(platform: Platform) -> AsyncIterator[Shop]:
    """Who had three visits before the launch responds often; responses bring a visit each, of which nothing may be learned."""
    await platform.start("campaign")
    made, chance = Shop(platform), random.Random(4)
    people, deeds, sends, responses, cars = [], [], [], [], []

    def visit(who: uuid.UUID, moment: datetime) -> None:
        deeds.append({"kind": audience.VISIT, "deed_id": uuid.uuid4(), "customer_id": who, "vin": "", "moment": moment,
                      "standing": True, "heard_version": 1})  # fmt: skip

    for place in range(800):
        who, loyal = uuid.UUID(int=chance.getrandbits(128)), chance.random() < 0.4
        shy = place % 10 == 0
        if shy:
            made.shy.add(who)
        people.append({"customer_id": who, "kind": "PERSON", "language": chance.choice(["zh-CN", "en"]), "interests": [],
                       "restricted": place % 20 == 0, "consents": ["MARKETING:EMAIL"] if shy else AGREED})  # fmt: skip
        for _ in range(3 if loyal else 0):
            visit(who, LAUNCH - timedelta(days=chance.randrange(10, 400)))
        cars.append({"vin": f"V{place}", "person_id": who, "sold_date": DAY - timedelta(days=chance.randrange(-20, 900)),
                     "energy": chance.choice(["ELECTRIC", "PETROL"])})  # fmt: skip
        if place >= 400:
            continue
        send = uuid.uuid4()
        made.reached.append(who)
        sends.append({"send_id": send, "campaign_id": made.campaign, "customer_id": who, "channel": 2, "state": 4,
                      "hand_time": LAUNCH, "create_time": LAUNCH, "update_time": LAUNCH})  # fmt: skip
        if chance.random() < (0.6 if loyal else 0.15):
            made.responded.add(who)
            visit(who, LAUNCH + timedelta(days=3))
            responses.append({"campaign_id": made.campaign, "kind": PURCHASE, "send_id": send, "source_key": f"sale:{send}",
                              "occur_time": LAUNCH + timedelta(days=3), "credited": True})  # fmt: skip
    async with made.work() as uow:
        uow.session.add(Campaign(campaign_id=made.campaign, name="Spring", channel=3, purpose=2, **TOLD))
        await uow.session.flush()
        for model, rows in (
            (AudiencePerson, people), (AudienceDeed, deeds), (AudienceCar, cars), (CampaignSend, sends), (CampaignResponse, responses),
        ):  # fmt: skip
            await uow.session.execute(sa.insert(model).values(rows))
        await audience.count_deeds(uow.session, [row["customer_id"] for row in people], ZONE)
    yield made
    await made.database.engine.dispose()


class TestExamples:
    async def test_nothing_after_the_launch_is_learned_from_and_nobody_who_did_not_agree(self, shop: Shop) -> None:
        found = await shop.examples()
        visits = [one.name for one in FEATURES].index("visits")
        mine = set(shop.reached) - shop.shy

        assert {row[visits] for row in found.rows} == {0, 3}
        assert (len(found.rows), sum(found.labels)) == (len(mine), len(mine & shop.responded))
        assert found.left_out == len(set(shop.reached) & shop.shy)
        assert found.shift == 0.0

    async def test_who_was_merged_is_one_person_with_what_both_did(self, shop: Shop) -> None:
        before = await shop.examples()
        one, two = [who for who in shop.reached if who not in shop.shy][:2]
        async with shop.work() as uow:
            await aliases.begin(uow.session, two, one, now(), 2)
        merged = await shop.examples()
        async with shop.work() as uow:
            await aliases.end(uow.session, two, one, now(), 3)

        assert len(merged.rows) == len(before.rows) - 1
        assert (await shop.examples()) == before


class TestNearest:
    async def test_the_database_ranks_as_the_rule_does(self, shop: Shop) -> None:
        found = await shop.examples()
        model = learn({one.name: one.kind for one in FEATURES}, found.rows, found.labels)
        async with shop.work() as uow:
            ranked = await repository.nearest(uow.session, model, uuid.uuid4(), "MARKETING:EMAIL", DAY, 10_000)
            rows = (await uow.session.execute(sa.text(repository._NOW), {"day": DAY})).mappings().all()
        known = {row["customer_id"]: {one.name: row[one.name] for one in FEATURES} for row in rows}

        assert len(ranked) == len(known) == 720
        scores = [model.score(known[who]) for who in ranked]
        assert all(one >= two - 1e-9 for one, two in itertools.pairwise(scores))


class TestInsight:
    async def test_a_profile_says_what_tells_and_how_well(self, shop: Shop) -> None:
        found = await shop.call("GetResponderProfile")

        assert found.conclusive
        assert found.features[0].name in ("visits", "visit_days")
        assert (found.responder_count + found.other_count, found.left_out_count) == (360, 40)
        assert 0.5 < found.auc_low < found.auc < found.auc_high
        assert all(band.people_count >= 10 for feature in found.features for band in feature.bands)

    async def test_look_alikes_are_listed_without_whom_the_campaign_reached(self, shop: Shop) -> None:
        made = await shop.call("FindLookalikes", people_count=50, name="Alike")
        sql = (
            "SELECT m.customer_id, p.visit_count, p.consents, p.restricted FROM audience_list_members m "
            "JOIN audience_people p USING (customer_id) WHERE m.audience_list_id = $1"
        )
        rows = await shop.platform.sql("campaign", sql, made.audience_list_id)

        assert (made.member_count, made.name) == (50, "Alike")
        assert {row["customer_id"] for row in rows}.isdisjoint(shop.reached)
        assert {row["visit_count"] for row in rows} == {3}
        assert all(row["consents"] == AGREED and not row["restricted"] for row in rows)

    async def test_a_retry_waits_for_what_is_being_learned_and_afterwards_finds_the_answer(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, gate, asked = asyncio.Event(), asyncio.Event(), []

        async def slow(self: Learner, kinds: Any, rows: Any, labels: Any, shift: float) -> Any:
            asked.append(len(rows))
            begun.set()
            await gate.wait()
            return learn(kinds, rows, labels, shift=shift)

        monkeypatch.setattr(Learner, "learn", slow)
        request = {"people_count": 20, "name": "Once", "request_id": uuid.uuid4().hex}
        calls = [asyncio.create_task(shop.call("FindLookalikes", **request))]
        await begun.wait()
        calls += [asyncio.create_task(shop.call("FindLookalikes", **request)) for _ in range(3)]
        other = asyncio.create_task(shop.call("FindLookalikes", **{**request, "people_count": 21}))

        async def told() -> bool:
            return other.done() or len(asked) > 1

        await until(told, 60, "another request under the same key is not refused")
        gate.set()
        made = await asyncio.gather(*calls)
        made.append(await shop.call("FindLookalikes", **request))
        sql = "SELECT audience_list_id::text AS key FROM audience_lists WHERE name = 'Once'"

        with pytest.raises(RpcFailure, match="REQUEST_ID_REUSED"):
            await other
        assert len(asked) == 1
        assert [{"key": made[0].audience_list_id}] == [dict(row) for row in await shop.platform.sql("campaign", sql)]
        assert all(one == made[0] for one in made)

    async def test_too_few_responders_and_a_dealer_s_campaign_are_refused_by_name(self, shop: Shop) -> None:
        with pytest.raises(RpcFailure) as few:
            await shop.call("GetResponderProfile", response=2)
        async with shop.work() as uow:
            local = Campaign(name="Local", dealer_id=uuid.uuid4(), **TOLD)
            uow.session.add(local)
            await uow.session.flush()
            key = str(local.campaign_id)
        with pytest.raises(RpcFailure) as dealer:
            await shop.call("GetResponderProfile", campaign_id=key)

        assert (few.value.reason, dealer.value.reason) == ("RESPONDERS_TOO_FEW", "PROFILING_NOT_ALLOWED")
