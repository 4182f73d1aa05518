"""kill -9 of every process in turn, hundreds of times, while a trade goes on: every acknowledged write, event and effect is accounted for.

Long size: `make soak T=tests/e2e/test_crash.py`. MARQUE_CRASH_KILLS chooses another number of kills, MARQUE_CRASH_SEED the moments of a run
again.
"""

from __future__ import annotations

import asyncio
import os
import random
import time

import pytest
from servicekit.testing.crash.accounts import Figures, check_audit, check_events, quiet
from servicekit.testing.crash.doors import Doors
from servicekit.testing.crash.effects import check_content, check_effects, check_open, check_wholeness
from servicekit.testing.crash.killer import Killer
from servicekit.testing.crash.stack import BACKEND, Stack
from servicekit.testing.crash.trade import Trade

pytestmark = pytest.mark.slow

KILLS, SOAK_KILLS = 40, 4000


class TestKills:
    @pytest.mark.soak
    @pytest.mark.timeout(10800)
    async def test_nothing_acknowledged_is_lost_and_every_effect_happens_once(
        self, tmp_path_factory: pytest.TempPathFactory, soaking: bool
    ) -> None:
        seed = int(os.environ.get("MARQUE_CRASH_SEED") or random.SystemRandom().randrange(2**32))
        kills = int(os.environ.get("MARQUE_CRASH_KILLS") or (SOAK_KILLS if soaking else KILLS))
        print(f"seed {seed} (MARQUE_CRASH_SEED), {kills} kills")
        stack = Stack(tmp_path_factory.mktemp("crash"), seed, workers=("customer", "vehicle"))
        async with stack:
            await run(stack, kills, random.Random(seed))
        assert stack.remains() == []
        assert stack.listening() == []


async def run(stack: Stack, kills: int, rng: random.Random) -> None:
    doors = Doors(stack, rng)
    trade = Trade(doors, rng)
    await trade.open()
    began = time.monotonic()
    working = asyncio.create_task(trade.run())
    killing = asyncio.create_task(Killer(stack, kills, rng, lambda: len(trade.ledger.done)).run())
    await asyncio.wait([working, killing], return_when=asyncio.FIRST_COMPLETED)
    trade.stop()
    killing.cancel() if working.done() else await killing
    await working

    await stack.settled()
    await check_open(stack, trade.ledger)
    settled = await trade.settle()
    await quiet(stack)
    figures = Figures()
    await check_events(stack, figures)
    await check_audit(stack, trade.ledger, figures)
    await check_wholeness(stack)
    await check_content(stack, trade.ledger, figures)
    await check_effects(stack, trade.ledger, figures)
    await doors.close()

    print(f"{stack.kills.total()} kills in {time.monotonic() - began:.0f} s: {dict(stack.kills)}")
    print(f"killed while starting: {dict(stack.starting)}")
    print(*figures.lines(), f"writers who went away {settled}, answers asked for again {trade.echoes}", sep="\n")
    print(f"answers {dict(doors.answers)}; the slowest took {doors.slowest:.1f} s")
    victims = [*stack.victims, BACKEND]
    fewest = kills // len(victims) // 2
    assert all(stack.kills[name] >= fewest for name in victims), f"not everybody died often enough: {stack.kills}"
    assert not [code for code in doors.answers if code.rsplit(" ", 1)[1] in ("500", "INTERNAL", "UNKNOWN")]
