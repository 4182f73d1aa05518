"""kill -9 at every step of journeys, seats, codes and calls: each once, nobody lost, whatever dies.

Whole campaign services are killed (`dying_service.py`) while people go through steps, register for an event and leave it, show their codes
at two tills at once, and are called; whoever asked asks again under the same key. Long size: `make soak
T=services/campaign/tests/integration/test_dying_services.py`, fifty deaths at each step.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from devstack.ports import free_port
from google.protobuf import json_format
from marque.customer.v1 import contact_rule_service_pb2
from servicekit import contract
from servicekit.testing.client import RpcFailure
from servicekit.testing.crash.workers import Workers
from servicekit.testing.platform import Platform, ready, until
from servicekit.testing.provider import RecordingProvider

SCRIPT = Path(__file__).with_name("dying_service.py")
STEPS = (
    "moving-runs", "runs-moved", "finished", "codes-drawn", "redeeming", "redeemed", "planning-notices", "registered", "settled",
    "making-a-task", "task-made", "-",
)  # fmt: skip
# In the long size also before anything is written that the others have not written by then. At "-" the test chooses the moment.
MORE = (
    "listing-runs",
    "holding-the-campaign",
    "taking-runs",
    "planning-lines",
    "finishing",
    "drawing-codes",
    "arriving",
    "ending-notices",
)
SOAK_DEATHS, AT_ONCE, PEOPLE, SEATS = 50, 4, 3, 2
CONFIRMED, WAITING, PLACE_FREE = 1, 2, 3
LEFT = 3
ACCEPTED, SUPPRESSED, OVER, DONE = 4, 9, 4, 7
FACTS = [{"name": "code", "campaign_fact": 6}]
# As a minute and a day would: leases of the dead end, pauses and waits are over.
_HURRY = "UPDATE campaign_sends SET lease_time = now() WHERE lease_time > now()"
_NOW = "UPDATE campaign_sends SET retry_time = now() WHERE retry_time > now()"
_WAKE = (
    "UPDATE campaign_runs SET wake_time = now(), step_time = step_time - CASE state WHEN 2 THEN interval '2 days' ELSE interval '0' END "
    "WHERE wake_time > now()"
)
_EARLY = """SELECT campaign_id FROM campaigns c WHERE state = 7 AND (
EXISTS (SELECT FROM campaign_sends s WHERE s.campaign_id = c.campaign_id AND s.state IN (1, 2, 3)) OR
EXISTS (SELECT FROM campaign_runs r WHERE r.campaign_id = c.campaign_id AND r.state <> 4))"""
_SEATS = """SELECT s.capacity, s.taken, coalesce(array_agg(r.arrival) FILTER (WHERE r.state = 1), '{}') AS placed,
coalesce(array_agg(r.arrival) FILTER (WHERE r.state = 2), '{}') AS waiting
FROM event_sessions s LEFT JOIN event_registrations r USING (session_id) GROUP BY 1, 2"""
_GONE = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED", "INTERNAL")


class Town:
    """People, one event and many campaigns of a service that dies and comes again."""

    def __init__(self, post: Any, workers: Workers) -> None:
        self.post, self.workers = post, workers
        self.people: list[str] = []
        self.campaigns: list[str] = []
        self.calls: list[str] = []
        self.lives: dict[int, str] = {}  # arrival → registration, as they were answered
        self.shown: set[str] = set()
        self.redeemed: Counter[str] = Counter()
        self._one_at_a_time = asyncio.Lock()
        self._turn = 0
        self._doors: list[dict[str, Any]] = []  # of the services that live, or lived last: clients by role

    async def open(self, step: str, passes: int = 1) -> int:
        """Starts a service that dies at a step; returns its process when it answers."""
        grpc_port, health_port = free_port(), free_port()
        worker = await self.workers.start(step, passes, signal.SIGKILL, grpc_port, health_port)

        async def there() -> bool:
            return await ready(health_port) or not _lives(worker)

        await until(there, 60, "the service does not start")
        self.post.platform.peers["campaign"] = f"127.0.0.1:{grpc_port}"
        roles = {role: self.post.client(role) for role in ("oem.marketing", "oem.manager")}
        self.post.marketing, self.post.manager = roles.values()
        self._doors.append(roles)
        return worker

    def forget(self) -> None:
        """Asks those services no more that were started so far."""
        self._doors.clear()

    async def ask(self, rpc: str, role: str = "oem.marketing", **request: Any) -> Any:
        """Asks until it is answered, each time under the same key. Raises RpcFailure where the answer is no."""
        service, name = rpc.split("/")
        given = {**request, "request_id": uuid.uuid4().hex}
        message = json_format.ParseDict(given, contract.methods(f"marque.campaign.v1.{service}")[name].input())
        turn = self._turn = self._turn + 1
        while True:
            turn += 1
            try:
                if self._doors:
                    return await self._doors[turn % len(self._doors)][role].call(f"campaign.v1.{rpc}", message)
            except RpcFailure as failure:
                if failure.code not in _GONE:
                    raise
            await asyncio.sleep(0.05)

    async def prepare(self) -> None:
        """Writes the event with what is said about it, and the words of campaigns."""
        start = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)
        span = {
            "start_time": start.isoformat(),
            "end_time": (start + timedelta(hours=1)).isoformat(),
            "capacity": SEATS,
        }
        given = {
            "name": "Drive day",
            "kind": "MARKETING_EVENT_KIND_TEST_DRIVE",
            "place": "Track",
            "time_zone": "Asia/Shanghai",
            "sessions": [span],
        }
        made = await self.ask("MarketingEventService/CreateMarketingEvent", marketing_event=given)
        key = {"marketing_event_id": made.marketing_event_id}
        self.event = await self.ask("MarketingEventService/AdvanceMarketingEvent", **key, state=2)
        words = (await self.post.make_template()).template_id
        said = {"template_id": words, "audience_list_id": "", "kind": "CAMPAIGN_KIND_TEST_DRIVE_EVENT", **key}
        for kind in (CONFIRMED, WAITING, PLACE_FREE):
            campaign = await self.post.launch(**said, event_notice=kind)

            async def running(campaign: Any = campaign) -> bool:
                return bool((await self.post.call("GetCampaign", campaign_id=campaign.campaign_id)).state == 5)

            await until(running, 30, "nothing is said about the event")
        contents = [{"language": "en", "subject": "Wash", "text": "{{ code }}"}]
        self.mail = (await self.post.make_template(variables=FACTS, contents=contents)).template_id
        contents = [{"language": "en", "text": "We call."}]
        self.call = (
            await self.post.make_template(channel="CHANNEL_PHONE", variables=[], contents=contents)
        ).template_id
        self.listed = (await self.post.make_list(*self.people)).audience_list_id

    async def launch(self) -> None:
        """A campaign in steps to everybody: a mail with a code, a wait, and the code once more; and one by telephone."""
        until_when = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        steps = [
            {"code": "mail", "send": {}},
            {"code": "wait", "wait": {"days": 1}},
            {"code": "fork", "branch": {"rule": '"mail" in run.sent', "otherwise": "end"}},
            {"code": "again", "send": {}},
            {"code": "end", "exit": {"reason": "ENOUGH"}},
        ]
        worth = {"currency_code": "CNY", "units": 50}
        given = {
            "name": "Wash", "kind": "CAMPAIGN_KIND_NEWSLETTER", "channel": "CHANNEL_EMAIL", "purpose": "CONSENT_PURPOSE_MARKETING",
            "template_id": self.mail, "audience_list_id": self.listed, "steps": steps,
            "offer": {"name": "Wash", "valid_until": until_when, "worth": worth},
        }  # fmt: skip
        self.campaigns.append((await self._launch(given)).campaign_id)
        of_calls = {"channel": "CHANNEL_PHONE", "template_id": self.call}
        plain = {name: value for name, value in given.items() if name not in ("steps", "offer")}
        self.calls.append((await self._launch({**plain, **of_calls})).campaign_id)

    async def _launch(self, given: dict[str, Any]) -> Any:
        made = await self.ask("CampaignService/CreateCampaign", campaign=given)
        for verb, role in (("Submit", "oem.marketing"), ("Approve", "oem.manager"), ("Schedule", "oem.marketing")):
            await self.ask(f"CampaignService/{verb}Campaign", role, campaign_id=made.campaign_id)
        return made

    @property
    def is_coming(self) -> bool:
        """Whether people come and go at the moment: whom they ask is chance, so they do until everybody has died."""
        return self._one_at_a_time.locked()

    async def is_quiet(self) -> bool:
        """Whether every campaign in steps is over: who had the lines of the last one is chance."""
        return not await self.database.fetchval("SELECT EXISTS (SELECT FROM campaign_runs WHERE state <> 4)")

    async def come_and_go(self) -> None:
        """Everybody who is not registered does so at once; then one who has a place leaves it."""
        session = {
            "marketing_event_id": self.event.marketing_event_id,
            "session_id": self.event.sessions[0].session_id,
        }
        async with self._one_at_a_time:
            coming = [
                self.ask("EventRegistrationService/RegisterForEvent", **session, customer_id=one) for one in self.people
            ]
            made = await asyncio.gather(*coming)
            self.lives |= {one.arrival_number: one.registration_id for one in made}
            leaver = min(made, key=lambda one: one.arrival_number).registration_id
            await self.ask("EventRegistrationService/SettleEventRegistration", registration_id=leaver, state=LEFT)

    def mails(self) -> list[Any]:
        """What was sent with a code."""
        return [one for one in list(self.post.provider.messages) if one["subject"] == "Wash"]

    async def redeem(self) -> None:
        """Whoever got a code shows it at two tills at once."""
        fresh = sorted({one["text"] for one in self.mails()} - self.shown)
        self.shown |= set(fresh)

        async def show(code: str) -> None:
            try:
                await self.ask("OfferCodeService/RedeemOfferCode", "oem.manager", code=code, dealer_id=self.dealer)
            except RpcFailure as failure:
                if (failure.reason, failure.metadata.get("state")) != ("OFFER_CODE_STATE", "REDEEMED"):
                    raise
            else:
                self.redeemed[code] += 1

        await asyncio.gather(*(show(code) for code in fresh for _ in range(2)))

    async def hurry(self) -> None:
        """Lets pauses and waits be over."""
        await self.database.execute(f"{_NOW}; {_WAKE}")

    async def check(self) -> None:
        """What must hold at every moment: seats, the order of who waits, and no campaign that finished early."""
        (row,) = await self.post.sql(_SEATS)
        assert row["taken"] == len(row["placed"]) <= row["capacity"]
        assert not row["waiting"] or row["taken"] == row["capacity"], "a seat is free and somebody waits"
        assert max(row["placed"], default=0) < min(row["waiting"], default=2**60), "somebody was overtaken"
        assert await self.post.sql(_EARLY) == []

    async def over(self) -> bool:
        """Whether every campaign in steps is finished, and nothing is left to be said."""
        open_ = "SELECT count(*) AS n FROM campaign_sends WHERE state IN (1, 2, 3)"
        done = "SELECT count(*) AS n FROM campaigns WHERE state = 7 AND campaign_id = ANY($1::uuid[])"
        await self.hurry()
        (left,), (finished,) = await self.post.sql(open_), await self.post.sql(done, self.campaigns)
        return bool(left["n"] == 0 and finished["n"] == len(self.campaigns))


def _lives(worker: int) -> bool:
    """Whether a process runs, and is not only remembered."""
    try:
        return Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def _reachable(post: Any) -> str:
    """Somebody with an address and a phone, who agreed to both."""
    person: str = await post.person()
    point = {"kind": 1, "value": f"+86139{uuid.uuid4().int % 10**8:08d}"}
    entry = {
        "purpose": "CONSENT_PURPOSE_MARKETING", "channel": "CHANNEL_PHONE", "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"},
        "textVersion": "t", "source": "test",
    }  # fmt: skip
    await post.customer(
        "customer.v1.ContactPointService/AddContactPoint", {"customer_id": person, "contact_point": point}
    )
    await post.customer("customer.v1.ConsentService/GrantConsent", {"customer_id": person, "entry": entry})
    return person


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    platform: Platform, make_post: Callable[..., Any], provider_settings: Callable[..., Any]
) -> AsyncIterator[Town]:
    provider = RecordingProvider(once=True)
    await platform.start("customer", permit_spend_seconds=1.0, permit_margin_seconds=0.2)
    told = await platform.prepare("campaign", **provider_settings(platform, provider))
    workers = Workers(SCRIPT, told, platform.folder)
    platform.peers["campaign"] = "127.0.0.1:1"
    made = Town(make_post(platform, provider), workers)
    await made.post.open_caps()
    rule = contact_rule_service_pb2.PutContactRuleRequest(contact_rule={"channel_class": "CONTACT_CHANNEL_CLASS_VOICE"})
    await platform.client("customer", "oem.manager").call("customer.v1.ContactRuleService/PutContactRule", rule)
    made.people = sorted(await asyncio.gather(*(_reachable(made.post) for _ in range(PEOPLE))))
    made.database = await asyncpg.connect(platform.databases["campaign"])
    made.dealer = await made.post.make_dealer()
    first = await made.open("-")
    await made.prepare()
    os.kill(first, signal.SIGKILL)
    await workers.end(first)
    yield made
    await made.database.close()
    workers.close()
    provider.close()


@pytest.mark.soak
@pytest.mark.timeout(7200)
class TestDeaths:
    async def test_each_goes_every_way_once_and_nobody_is_lost(self, town: Town, soaking: bool) -> None:
        deaths, began, chance = SOAK_DEATHS if soaking else 1, time.monotonic(), random.Random(9)
        died, other, asked = Counter[str](), Counter[str](), set[asyncio.Task[None]]()
        wanted = Counter(dict.fromkeys(STEPS + MORE if soaking else STEPS, deaths))
        for turn in itertools.count():
            left = sorted((wanted - died).elements(), key=lambda _: chance.random())[:AT_ONCE]
            if not left:
                break
            town.forget()
            some = [(step, await town.open(step, 1 + turn % 2 if soaking else 1)) for step in left]
            launched = asyncio.create_task(town.launch())
            asked.add(launched)
            ends = time.monotonic() + 60
            alive = {worker for _, worker in some}
            moment = time.monotonic() + chance.uniform(0.2, 1.5)
            while alive and time.monotonic() < ends:
                await town.hurry()
                asked.add(asyncio.create_task(town.redeem()))
                if launched.done() and await town.is_quiet():
                    launched = asyncio.create_task(town.launch())
                    asked.add(launched)
                if not town.is_coming:
                    asked.add(asyncio.create_task(town.come_and_go()))
                await asyncio.sleep(0.4)
                if time.monotonic() > moment:
                    for step, worker in some:
                        if step == "-" and _lives(worker):
                            os.kill(worker, signal.SIGKILL)
                alive = {one for one in alive if _lives(one)}
            for step, worker in some:
                end = await town.workers.end(worker, 0.1)
                died[step] += end == "killed"
                other[end] += end != "killed"
            await town.post.sql(_HURRY)
            await town.check()
            asked = {one for one in asked if not one.done() or one.exception() is not None}
            assert other["stuck"] < 10 * deaths, f"nobody comes to {left}: see workers.log"
        town.forget()
        last = await town.open("-")
        await asyncio.gather(*asked)
        await until(town.over, 120, "it does not come to an end")
        await town.redeem()
        await town.check()
        print({"seconds": round(time.monotonic() - began), "deaths": sum(died.values()), **other})
        os.kill(last, signal.SIGKILL)
        await town.workers.end(last)

        await _each_way_once(town)
        await _each_seat_told_once(town)
        await _each_code_once(town)
        await _each_call_once(town)


async def _each_way_once(town: Town) -> None:
    """Everybody went through every step of every campaign, and got its two mails once."""
    runs = await town.post.sql(
        "SELECT campaign_id::text AS c, customer_id::text AS who, step, state, reason FROM campaign_runs"
    )
    sends = await town.post.sql(
        "SELECT campaign_id::text AS c, customer_id::text AS who, step, state, send_id::text AS key FROM campaign_sends WHERE step > 0"
    )
    everybody = [(one, who) for one in town.campaigns for who in town.people]
    assert Counter((run["c"], run["who"], run["step"], run["state"], run["reason"]) for run in runs) == Counter(
        {(*one, 4, OVER, "ENOUGH"): 1 for one in everybody}
    )
    assert Counter((line["c"], line["who"], line["step"], line["state"]) for line in sends) == Counter(
        {(*one, step, ACCEPTED): 1 for one in everybody for step in (1, 4)}
    )
    mails = {line["key"]: 1 for line in sends}
    assert {key: town.post.provider.accepted[key] for key in mails} == mails
    told = await town.post.sql(
        "SELECT aggregate_id AS c, count(*) AS n FROM outbox_messages WHERE event_type LIKE '%CampaignFinished' GROUP BY 1"
    )
    assert {row["c"]: row["n"] for row in told} == dict.fromkeys(town.campaigns, 1)


async def _each_seat_told_once(town: Town) -> None:
    """Each coming was written down once, is where it was left, and was told what became of it, each thing once."""
    (event,) = await town.post.sql("SELECT arrivals FROM marketing_events")
    standing = await town.post.sql("SELECT registration_id::text AS key, state, arrival FROM event_registrations")
    lines = await town.post.sql(
        "SELECT occurrence, state, reason, send_id::text AS key FROM campaign_sends WHERE occurrence LIKE 'registration:%'"
    )
    assert sorted(town.lives) == list(range(1, event["arrivals"] + 1)), "a coming was written down twice, or lost"
    assert len(standing) == len(town.people)
    assert {row["key"] for row in standing} == set(town.lives.values())
    told: dict[int, list[int]] = {arrival: [] for arrival in town.lives}
    for line in lines:
        _, registration, notice, arrival = line["occurrence"].split(":")
        assert town.lives[int(arrival)] == registration
        told[int(arrival)].append(int(notice))
        assert (line["state"], line["reason"]) in ((ACCEPTED, ""), (SUPPRESSED, "REGISTRATION_CHANGED"))
        assert town.post.provider.accepted[line["key"]] == (line["state"] == ACCEPTED)
    placed = {row["arrival"] for row in standing if row["state"] == CONFIRMED}
    for arrival, notices in told.items():
        assert sorted(notices) in ([CONFIRMED], [WAITING], [WAITING, PLACE_FREE])
        assert arrival not in placed or sorted(notices) != [WAITING], "somebody has a place and was not told"


async def _each_code_once(town: Town) -> None:
    """Everybody has one code of each campaign, which stood in both of their mails and was redeemed once."""
    codes = await town.post.sql("SELECT code, campaign_id::text AS c, customer_id::text AS who FROM offer_codes")
    sends = await town.post.sql(
        "SELECT campaign_id::text AS c, customer_id::text AS who, send_id::text AS key FROM campaign_sends WHERE step > 0"
    )
    mine = {(row["c"], row["who"]): row["code"] for row in codes}
    assert len(codes) == len(mine) == len(set(mine.values())) == len(town.campaigns) * len(town.people)
    said = {one["messageId"]: one["text"].replace("-", "") for one in town.mails()}
    assert said == {line["key"]: mine[line["c"], line["who"]] for line in sends}
    assert {code.replace("-", ""): count for code, count in town.redeemed.items()} == dict.fromkeys(mine.values(), 1)
    redemptions = await town.post.sql("SELECT code, count(*) AS n FROM offer_redemptions GROUP BY 1")
    assert {row["code"]: row["n"] for row in redemptions} == dict.fromkeys(mine.values(), 1)
    deeds = await town.post.sql("SELECT DISTINCT source_key FROM campaign_responses WHERE kind = 70")
    assert len(deeds) == len(mine)


async def _each_call_once(town: Town) -> None:
    """Everybody has one task of each campaign by telephone, and its line says so."""
    lines = await town.post.sql(
        "SELECT campaign_id::text AS c, customer_id::text AS who, state, send_id::text AS key FROM campaign_sends WHERE channel = 1"
    )
    assert Counter((line["c"], line["who"], line["state"]) for line in lines) == Counter(
        (one, who, ACCEPTED) for one in town.calls for who in town.people
    )
    tasks = await town.post.platform.sql("customer", "SELECT send_id::text AS key FROM tasks")
    assert Counter(row["key"] for row in tasks) == Counter(line["key"] for line in lines)
