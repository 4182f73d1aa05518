"""Campaigns at once on the same people over days of 23 and 25 hours: a day's cap is a day of the person's wall clock.

The clock of services and databases is moved (`servicekit.testing.clock`) to 2027, when clocks of Germany go forward on March 28 and back on
October 31.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from devstack.ports import free_port
from marque.customer.v1 import contact_rule_pb2, contact_rule_service_pb2
from servicekit.testing.clock import Clock
from servicekit.testing.platform import Platform, until
from servicekit.testing.provider import RecordingProvider

ACCEPTED = 4
BERLIN = ZoneInfo("Europe/Berlin")
CAMPAIGNS = 3


@dataclass
class Days:
    """Campaigns under a clock that is moved."""

    post: Any
    clock: Clock

    async def at(self, day: str, hour: str) -> None:
        """Lets an hour of a day in Berlin come."""
        await self.clock.move(datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=BERLIN) - self.clock.now())

    async def told(self, people: list[str]) -> dict[str, Counter[tuple[int, str]]]:
        """Waits until nothing is due; returns how many lines of each person are in which state, for which reason."""
        sql = "SELECT 1 FROM campaign_sends WHERE state IN (2, 3) OR (state = 1 AND retry_time <= now()) LIMIT 1"

        async def quiet() -> bool:
            planned = await self.post.sql("SELECT 1 FROM campaigns WHERE state IN (4, 5) AND plan_time IS NULL")
            return not planned and not await self.post.sql(sql)

        await until(quiet, 60, "lines are still due")
        found: dict[str, Counter[tuple[int, str]]] = {one: Counter() for one in people}
        for row in await self.post.sql("SELECT customer_id::text AS who, state, reason FROM campaign_sends"):
            if row["who"] in found:
                found[row["who"]][row["state"], row["reason"]] += 1
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def days(
    platform: Platform, make_post: Callable[..., Any], provider_settings: Callable[..., Any]
) -> AsyncIterator[Days]:
    provider = RecordingProvider(once=True)
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch, platform)
        customer = free_port()
        for name in ("customer", "campaign"):
            await platform.prepare(name)
            await clock.take(name)
        await clock.move(datetime(2027, 3, 20, tzinfo=BERLIN) - clock.now())
        await platform.start("customer", grpc_port=customer)
        await platform.start("campaign", **provider_settings(platform, provider))
        post = make_post(platform, provider)
        await post.open_caps()
        rule = contact_rule_pb2.ContactRule(channel_class=contact_rule_pb2.CONTACT_CHANNEL_CLASS_EMAIL, most_per_day=1)
        request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=rule)
        await platform.client("customer", "oem.manager").call("customer.v1.ContactRuleService/PutContactRule", request)
        yield Days(post, clock)
        await platform.stop()
        provider.close()


class TestJumps:
    async def test_a_clock_that_goes_back_an_hour_and_on_by_a_day_sends_nothing_twice_and_loses_nobody(
        self, days: Days
    ) -> None:
        post = days.post
        await days.at("2027-03-22", "12:00")
        people = list(await asyncio.gather(*(post.person(zone="Europe/Berlin") for _ in range(5))))
        campaign = await post.launch(*people, rate_per_minute=2)

        async def two() -> bool:
            return sorted(state for state, _ in (await post.lines(campaign)).values()) == [1, 1, 1, ACCEPTED, ACCEPTED]

        await until(two, 60, "nothing is sent")
        await days.clock.move(timedelta(hours=-1))
        back = await post.call("GetCampaign", campaign_id=campaign.campaign_id)
        await days.clock.move(timedelta(days=1))
        await until(lambda: _begun(post, campaign, 4), 60, "it does not go on")
        await days.clock.move(timedelta(minutes=1))
        ended, keys = await post.ended(campaign, 60), await post.keys(campaign)

        assert back.state == 5
        assert ended == dict.fromkeys(people, (ACCEPTED, ""))
        assert [post.provider.accepted[keys[one]] for one in people] == [1] * 5


async def _begun(post: Any, campaign: Any, count: int) -> bool:
    return sum(state == ACCEPTED for state, _ in (await post.lines(campaign)).values()) == count


class TestDaysOfOtherLengths:
    @pytest.mark.parametrize(("day", "hours"), [("2027-03-28", 23), ("2027-10-31", 25)])
    async def test_each_day_gives_each_person_one_message_whatever_its_length(
        self, days: Days, day: str, hours: int
    ) -> None:
        begin = datetime.fromisoformat(day).replace(tzinfo=BERLIN)
        end = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=BERLIN)
        await days.at(day, "00:10")
        people = list(await asyncio.gather(*(days.post.person(zone="Europe/Berlin") for _ in range(4))))
        await asyncio.gather(*(days.post.launch(*people) for _ in range(CAMPAIGNS)))
        early = await days.told(people)
        await days.at(day, "23:50")
        await days.post.sql("UPDATE campaign_sends SET retry_time = now() WHERE state = 1")
        late = await days.told(people)
        await days.at(end.date().isoformat(), "00:05")
        after = await days.told(people)

        assert end.timestamp() - begin.timestamp() == hours * 3600
        assert early == late == {one: {(ACCEPTED, ""): 1, (1, "CAP_REACHED"): CAMPAIGNS - 1} for one in people}
        assert after == {one: {(ACCEPTED, ""): 2, (1, "CAP_REACHED"): CAMPAIGNS - 2} for one in people}
        assert set(days.post.provider.accepted.values()) == {1}
