"""kill -9 at every step of journeys, seats, codes and calls: each once, nobody lost, whatever dies.

Whole campaign services are killed (`dying_service.py`) while people go through steps, register for an event and leave it, show their codes
at two tills at once, and are called; whoever asked asks again under the same key. Long size: `make soak
T=services/campaign/tests/integration/deaths`, fifty deaths at each step.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import time
from collections import Counter
from typing import Any

import pytest
from servicekit.testing.platform import until

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
SOAK_DEATHS, AT_ONCE = 50, 4
CONFIRMED, WAITING, PLACE_FREE = 1, 2, 3
ACCEPTED, SUPPRESSED, OVER = 4, 9, 4
# As a minute would: leases of the dead end.
_HURRY = "UPDATE campaign_sends SET lease_time = now() WHERE lease_time > now()"


@pytest.mark.soak
@pytest.mark.timeout(7200)
class TestDeaths:
    async def test_each_goes_every_way_once_and_nobody_is_lost(self, town: Any, soaking: bool) -> None:
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
                        if step == "-" and town.is_alive(worker):
                            os.kill(worker, signal.SIGKILL)
                alive = {one for one in alive if town.is_alive(one)}
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


async def _each_way_once(town: Any) -> None:
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


async def _each_seat_told_once(town: Any) -> None:
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


async def _each_code_once(town: Any) -> None:
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


async def _each_call_once(town: Any) -> None:
    """Everybody has one task of each campaign by telephone, and its line says so."""
    lines = await town.post.sql(
        "SELECT campaign_id::text AS c, customer_id::text AS who, state, send_id::text AS key FROM campaign_sends WHERE channel = 1"
    )
    assert Counter((line["c"], line["who"], line["state"]) for line in lines) == Counter(
        (one, who, ACCEPTED) for one in town.calls for who in town.people
    )
    tasks = await town.post.platform.sql("customer", "SELECT send_id::text AS key FROM tasks")
    assert Counter(row["key"] for row in tasks) == Counter(line["key"] for line in lines)
