"""kill -9 at any step of the sending, and withdrawals meanwhile: each person once, or unknown and not tried again; everybody ends."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from devstack.ports import free_port
from servicekit.testing.platform import Platform, until
from servicekit.testing.provider import DROP, FAIL_AFTER, TAKE, RecordingProvider

ACCEPTED, UNKNOWN, SUPPRESSED = 4, 8, 9
_HURRY = "UPDATE campaign_sends SET lease_time = now() WHERE lease_time > now() AND lease IS NOT NULL"
MakePost = Callable[[Platform, RecordingProvider], Any]


@pytest.mark.soak
class TestKilled:
    @pytest.mark.parametrize("once", [True, False], ids=["taken once by its key", "taken as often as it comes"])
    async def test_each_person_gets_it_once_or_nobody_knows(
        self, platform: Platform, make_post: MakePost, provider_settings: Callable[..., Any], once: bool, soaking: bool
    ) -> None:
        count, kills = (2_000, 500) if soaking else (12, 1)
        provider = RecordingProvider(once=once)
        dice = random.Random(7)
        lossy = itertools.cycle([TAKE] * 5 + [DROP, FAIL_AFTER])

        def manner(message: dict[str, Any], times: int) -> str:
            time.sleep(dice.random() * 0.05)  # where most of the kills shall fall
            return next(lossy)

        provider.manner = manner
        if "customer" not in platform.peers:
            await platform.start("customer", permit_spend_seconds=1.0, permit_margin_seconds=0.2)
        told = {"send_batch": 4, "hand_over_at_once": 2, **provider_settings(platform, provider)}
        settings = await platform.prepare("campaign", grpc_port=free_port(), **told)
        process = await platform.spawn_again("campaign", settings)
        post = make_post(platform, provider)
        await post.open_caps()
        people = await post.people(count)
        campaign = await post.launch(*people)
        withdrawn: dict[str, float] = {}
        for number in range(kills):
            before = sum(provider.asked.values())
            await until(_more(provider, before + 1), 30, "nothing is handed over")
            await asyncio.sleep(dice.random() * 0.1)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            await post.sql(_HURRY)  # as a minute would
            process = await platform.spawn_again("campaign", settings)
            leaver = people[-1 - number]
            await post.say("Withdraw", leaver)
            withdrawn[leaver] = time.monotonic()
        ended = await post.ended(campaign, 120)
        keys = await post.keys(campaign)

        assert set(ended) == set(people)
        for person, (state, reason) in ended.items():
            taken = provider.accepted[keys[person]]
            assert taken <= 1, f"{person} got it {taken} times"
            assert taken == 1 if state == ACCEPTED else taken == 0 if state == SUPPRESSED else state == UNKNOWN, reason
        late = [one for one, at in withdrawn.items() if provider.moments.get(keys[one], 0.0) > at]
        assert late == [], "handed over after the withdrawal was answered"
        process.kill()
        provider.close()


def _more(provider: RecordingProvider, least: int) -> Callable[[], Any]:
    async def check() -> bool:
        return sum(provider.asked.values()) >= least

    return check
