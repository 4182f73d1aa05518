"""kill -9 at every step of the sending: each person once, or unknown and not asked again; finished only when everybody has an end.

The workers are processes that run the real Sender (`dying_sender.py`). Long size: `make soak T=services/campaign/tests/integration/
test_dying_senders.py`, a hundred deaths at each step with each kind of provider.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from devstack.ports import free_port
from marque.customer.v1 import contact_rule_pb2, contact_rule_service_pb2
from servicekit.testing.crash.workers import Workers
from servicekit.testing.platform import Platform, until
from servicekit.testing.provider import DROP, FAIL_AFTER, REFUSE, TAKE, RecordingProvider

PLANNED, ACCEPTED, FAILED, UNKNOWN, SUPPRESSED = 1, 4, 7, 8, 9
SCRIPT = Path(__file__).with_name("dying_sender.py")
STEPS = (
    "claiming", "claimed", "permit", "handing", "handed", "spending", "spent", "asked", "answered", "settling", "settled", "finished",
)  # fmt: skip
DEATHS, SOAK_DEATHS, PEOPLE = 1, 45, 60
FROZEN = ("spent", "handed", "spending", "permit", "claimed", "answered")
# As a minute would: those whose worker is gone. And nobody waits for the pause between two attempts.
_HURRY = "UPDATE campaign_sends SET lease_time = now() WHERE lease_time > now()"
_AT_ONCE = "UPDATE campaign_sends SET retry_time = now() WHERE retry_time > now()"
_EARLY = """SELECT c.campaign_id FROM campaigns c JOIN campaign_sends s ON s.campaign_id = c.campaign_id
WHERE c.state = 7 AND s.state IN (1, 2, 3)"""


class Scene:
    """The campaign service without a Sender of its own, and workers beside it."""

    def __init__(self, post: Any, provider: RecordingProvider, workers: Workers) -> None:
        self.post, self.provider, self.workers = post, provider, workers
        self.campaigns: list[Any] = []

    async def more(self, people: list[str], pause_above_percent: int = 100) -> None:
        """Another campaign to the same people, all of whom have a line when this returns; half the answers may be lost."""
        made = await self.post.launch(*people, pause_above_percent=pause_above_percent)
        self.campaigns.append(made)

        async def planned() -> bool:
            rows = await self.post.sql("SELECT plan_time FROM campaigns WHERE campaign_id = $1", made.campaign_id)
            return rows[0]["plan_time"] is not None

        await until(planned, 60, "nobody has a line")

    async def open(self) -> int:
        """How many lines have no end yet."""
        rows = await self.post.sql("SELECT count(*) AS n FROM campaign_sends WHERE state IN (1, 2, 3)")
        return int(rows[0]["n"])


@pytest_asyncio.fixture(
    loop_scope="session", params=[True, False], ids=["taken once by its key", "as often as it comes"]
)
async def scene(
    request: Any, platform: Platform, make_post: Callable[..., Any], provider_settings: Callable[..., Any]
) -> AsyncIterator[Scene]:
    provider = RecordingProvider(once=request.param)
    lossy = itertools.cycle([TAKE] * 5 + [DROP, FAIL_AFTER])
    provider.manner = lambda message, times: next(lossy)
    if "customer" not in platform.peers:
        await platform.start("customer", permit_spend_seconds=2.0, permit_margin_seconds=0.2)
    peers = {"customer": platform.peers["customer"]}
    await platform.start("campaign", peers={})  # it plans; who sends are the workers
    told = await platform.prepare(
        "campaign", peers=peers, send_batch=4, hand_over_at_once=2, **provider_settings(platform, provider)
    )
    workers = Workers(SCRIPT, told, platform.folder)
    post = make_post(platform, provider)
    await post.open_caps()
    yield Scene(post, provider, workers)
    workers.close()
    provider.close()


@pytest.mark.soak
@pytest.mark.timeout(7200)
class TestDeaths:
    async def test_each_person_gets_it_once_or_nobody_knows(self, scene: Scene, soaking: bool) -> None:
        deaths = SOAK_DEATHS if soaking else DEATHS
        people, began = await scene.post.people(PEOPLE if soaking else 8), time.monotonic()
        died, other = Counter[str](), Counter[str]()
        while left := [step for step in STEPS if died[step] < deaths]:
            if await scene.open() < 8:
                await scene.more(people)
            # Three at once, so that the living meet what the dead left; each dies in its first or second round.
            some = [(step, await scene.workers.start(step, 1 + sum(died.values()) % 2)) for step in left[:3]]
            for step, worker in some:
                end = await scene.workers.end(worker)
                died[step] += end == "killed"
                other[end] += end != "killed"
            await scene.post.sql(_HURRY)
            await scene.post.sql(_AT_ONCE)
            assert await scene.post.sql(_EARLY) == []
            assert other["stuck"] < 5, "workers neither die nor find nothing to do: see workers.log"
        await _send_the_rest(scene)
        print({"seconds": round(time.monotonic() - began), "deaths": sum(died.values()), **other, **died})
        counts = Counter[int]()
        for campaign in scene.campaigns:
            ended, keys = await scene.post.lines(campaign), await scene.post.keys(campaign)
            counts.update(state for state, _ in ended.values())
            assert set(ended) == set(people)
            for person, (state, reason) in ended.items():
                taken = scene.provider.accepted[keys[person]]
                assert taken == 1 if state == ACCEPTED else taken == 0 if state == SUPPRESSED else state == UNKNOWN, (
                    reason
                )
                assert taken <= 1
        print(dict(counts))
        assert counts[ACCEPTED] > 0
        assert min(died.values()) >= deaths


class Inbox:
    """A mail server that notes when the first byte of a mail to somebody came."""

    def __init__(self) -> None:
        self.moments: dict[str, float] = {}

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.moments.setdefault(envelope.rcpt_tos[0], time.monotonic())
        return "250 OK"


@pytest.mark.soak
@pytest.mark.timeout(7200)
class TestWithdrawals:
    @pytest.mark.parametrize("scene", [True], indirect=True, ids=["once"])
    @pytest.mark.parametrize("mail", [False, True], ids=["http", "smtp"])
    async def test_no_hand_over_starts_after_the_withdrawal_was_answered(
        self, scene: Scene, mail: bool, soaking: bool
    ) -> None:
        """Workers are stopped between every two steps; people withdraw meanwhile; half of the workers wake, and half are killed."""
        inbox, post = Inbox(), scene.post
        server = Controller(inbox, hostname="127.0.0.1", port=free_port())
        server.start()
        workers = scene.workers
        if mail:
            peers = {"customer": post.platform.peers["customer"]}
            told = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "send_batch": 4, "hand_over_at_once": 2}
            settings = await post.platform.prepare("campaign", peers=peers, **told)
            workers = Workers(SCRIPT, settings, post.platform.folder)
        answered: dict[str, float] = {}
        rounds, counts = 60 if soaking else 2, Counter[str]()
        for number in range(rounds):
            people = await post.people(4)
            await scene.more(people)
            worker = await workers.start(FROZEN[number % len(FROZEN)], 1, signal.SIGSTOP)
            counts[await workers.end(worker)] += 1
            leavers = people[:2] if number % 4 else people

            async def leave(person: str) -> None:
                await post.say("Withdraw", person)
                answered[person] = time.monotonic()

            await asyncio.gather(*(leave(one) for one in leavers))
            os.kill(worker, signal.SIGKILL if number % 2 else signal.SIGCONT)
            await workers.end(worker)
            await post.sql(_HURRY)
            await post.sql(_AT_ONCE)
        await _send_the_rest(scene, workers)
        ended = {who: line for one in scene.campaigns for who, line in (await post.lines(one)).items()}
        moments = await _moments(scene, inbox)
        print({"rounds": rounds, "withdrawals": len(answered), "sent": len(moments), **counts})
        if mail:
            workers.close()
        server.stop()

        assert counts["stopped"] == rounds
        assert [who for who, moment in moments.items() if moment > answered.get(who, moment)] == []
        assert all(state in (ACCEPTED, UNKNOWN) for who, (state, _) in ended.items() if who in moments)
        assert {ended[who][1] for who in answered if ended[who][0] == SUPPRESSED} <= {"WITHDRAWN", "REVOKED"}
        assert len(moments) > 0


class TestManyCampaigns:
    @pytest.mark.parametrize("scene", [True], indirect=True, ids=["once"])
    async def test_the_cap_of_a_day_holds_over_campaigns_and_workers_and_nobody_is_lost(self, scene: Scene) -> None:
        post, campaigns, cap = scene.post, 4, 2
        manager = post.platform.client("customer", "oem.manager")
        rule = contact_rule_pb2.ContactRule(
            channel_class=contact_rule_pb2.CONTACT_CHANNEL_CLASS_EMAIL, most_per_day=cap
        )
        request = contact_rule_service_pb2.PutContactRuleRequest(contact_rule=rule)
        people = await post.people(4)
        await manager.call("customer.v1.ContactRuleService/PutContactRule", request)
        scene.provider.manner = lambda message, times: TAKE
        try:
            for _ in range(campaigns):
                await scene.more(people)
            some = [await scene.workers.start("finished", 1_000_000) for _ in range(3)]
            assert [await scene.workers.end(one) for one in some] == ["idle"] * 3
            today = await self._ends(scene)
            await post.sql("UPDATE campaign_sends SET create_time = create_time - interval '4 days' WHERE state = 1")
            await _send_the_rest(scene)
            ended = await self._ends(scene)
        finally:
            await post.open_caps()

        assert today == {one: {(ACCEPTED, ""): cap, (1, "CAP_REACHED"): campaigns - cap} for one in people}
        assert ended == {one: {(ACCEPTED, ""): cap, (SUPPRESSED, "CAP_REACHED"): campaigns - cap} for one in people}
        assert set(scene.provider.accepted.values()) == {1}

    async def _ends(self, scene: Scene) -> dict[str, Counter[tuple[int, str]]]:
        """How many lines of each person ended, or wait, and why."""
        found: dict[str, Counter[tuple[int, str]]] = {}
        for one in scene.campaigns:
            for who, line in (await scene.post.lines(one)).items():
                found.setdefault(who, Counter())[line] += 1
        return found


class TestReadied:
    @pytest.mark.parametrize("scene", [True], indirect=True, ids=["once"])
    async def test_the_next_batch_has_its_permits_while_one_is_handed_over_and_a_storm_stops_both(
        self, scene: Scene
    ) -> None:
        """A worker that does not know yet how fast messages leave begins with as many as leave at once: two."""
        post, go = scene.post, threading.Event()
        people = await post.people(6)

        def refuse(message: dict[str, Any], times: int) -> str:
            go.wait(8)
            return REFUSE

        scene.provider.manner = refuse
        await scene.more(people, pause_above_percent=0)
        campaign = scene.campaigns[0].campaign_id
        await post.sql(
            "INSERT INTO campaign_sends (send_id, campaign_id, customer_id, channel, state, claim_time, hand_time, create_time, "
            "update_time) SELECT gen_random_uuid(), $1, gen_random_uuid(), 3, 7, now(), now(), now(), now() FROM generate_series(1, 49)",
            campaign,
        )
        worker = await scene.workers.start("finished", 1_000_000)

        async def readied() -> bool:
            rows = await post.platform.sql(
                "customer", "SELECT state, count(*) AS n FROM contact_permits WHERE customer_id = ANY($1) GROUP BY 1",
                [uuid.UUID(one) for one in people],
            )  # fmt: skip
            found = {row["state"]: row["n"] for row in rows}
            return found.get(1) == found.get(2) == 2

        try:
            await until(readied, 30, "of one batch nothing is spent, or the next one is not taken")
        finally:
            go.set()
        assert await scene.workers.end(worker) == "idle"
        lines = Counter((await post.lines(scene.campaigns[0])).values())
        held = await post.platform.sql(
            "customer", "SELECT FROM contact_permits WHERE customer_id = ANY($1) AND state IN (1, 2)",
            [uuid.UUID(one) for one in people],
        )  # fmt: skip

        assert lines == {(FAILED, ""): 49, (FAILED, "HTTP_400"): 2, (PLANNED, "PAUSED"): 2, (PLANNED, ""): 2}
        assert len(held) == 0


async def _moments(scene: Scene, inbox: Inbox) -> dict[str, float]:
    """When the hand-over to each person was seen by whoever took it."""
    keys = {key: who for one in scene.campaigns for who, key in (await scene.post.keys(one)).items()}
    found = {keys[key]: moment for key, moment in scene.provider.moments.items()}
    for who in set(keys.values()) if inbox.moments else ():
        told = await scene.post.customer("customer.v1.CustomerService/GetCustomer", {"customer_id": who})
        address = told.contact_points[0].value
        if address in inbox.moments:
            found[who] = inbox.moments[address]
    return found


async def _send_the_rest(scene: Scene, workers: Workers | None = None) -> None:
    """Lets workers live until everybody has an end and the campaigns are over; nobody is asked about after that."""
    while await scene.open() or await scene.post.sql("SELECT FROM campaigns WHERE state = 5"):
        some = workers or scene.workers
        assert await some.end(await some.start("finished", 1_000_000)) in ("idle", "stuck")
        await scene.post.sql(_HURRY)
        await scene.post.sql(_AT_ONCE)
    asked = Counter(scene.provider.asked)
    await scene.workers.end(await scene.workers.start("claimed"))

    assert scene.provider.asked == asked
