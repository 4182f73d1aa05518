"""People, an event and campaigns of a campaign service that dies and comes again (`dying_service.py`)."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
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
PEOPLE, SEATS = 3, 2
CONFIRMED, WAITING, PLACE_FREE = 1, 2, 3
LEFT = 3
FACTS = [{"name": "code", "campaign_fact": 6}]
# As a day would: pauses and waits are over.
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
            return await ready(health_port) or not self.is_alive(worker)

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

    @staticmethod
    def is_alive(worker: int) -> bool:
        """Whether a process runs, and is not only remembered."""
        try:
            return Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    platform: Platform, make_post: Callable[..., Any], provider_settings: Callable[..., Any]
) -> AsyncIterator[Town]:
    """Everybody and everything that is said to them; no service runs."""
    provider = RecordingProvider(once=True)
    await platform.start("customer", permit_spend_seconds=2.0, permit_margin_seconds=0.2)
    told = await platform.prepare("campaign", **provider_settings(platform, provider))
    workers = Workers(SCRIPT, told, platform.folder)
    platform.peers["campaign"] = "127.0.0.1:1"
    made = Town(make_post(platform, provider), workers)
    await made.post.open_caps()
    rule = contact_rule_service_pb2.PutContactRuleRequest(contact_rule={"channel_class": "CONTACT_CHANNEL_CLASS_VOICE"})
    await platform.client("customer", "oem.manager").call("customer.v1.ContactRuleService/PutContactRule", rule)
    made.people = sorted(await asyncio.gather(*(made.post.caller(agreed=("EMAIL", "PHONE")) for _ in range(PEOPLE))))
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
