"""Three brokers that keep every stream three times: the leader of a stream is killed again and again under load, then any other node."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator

import nats
import pytest
import pytest_asyncio
from devstack.nats import EmbeddedNatsCluster
from servicekit.messaging import envelope
from servicekit.testing.crash.accounts import Figures, check_audit, check_events, quiet
from servicekit.testing.crash.doors import Doors
from servicekit.testing.crash.effects import check_content, check_effects, check_wholeness
from servicekit.testing.crash.stack import Stack
from servicekit.testing.crash.trade import Trade
from servicekit.testing.platform import until

pytestmark = pytest.mark.slow

KILLS, SOAK_KILLS = 4, 60
STREAMS = ("vehicle", "customer", "network")


@pytest_asyncio.fixture(loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedNatsCluster]:
    made = EmbeddedNatsCluster(tmp_path_factory.mktemp("cluster"))
    await asyncio.to_thread(made.start)
    yield made
    await asyncio.to_thread(made.stop)


@pytest_asyncio.fixture(loop_scope="session")
async def stack(cluster: EmbeddedNatsCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    told = {"MARQUE_NATS_URL": ",".join(cluster.urls), "MARQUE_STREAM_REPLICAS": "3"}
    async with Stack(tmp_path_factory.mktemp("stack"), environ=told) as made:
        yield made


async def leader_of(cluster: EmbeddedNatsCluster, service: str) -> int:
    """The number of the node that leads a service's stream; waits for an election."""
    broker = await nats.connect(cluster.urls)
    found: list[int] = []

    async def elected() -> bool:
        info = await broker.jetstream().stream_info(envelope.stream(service))
        assert info.config.num_replicas == 3
        found[:] = [int(info.cluster.leader[1:])] if info.cluster is not None and info.cluster.leader else []
        return bool(found)

    async def known() -> bool:
        try:
            return await elected()
        except (nats.errors.Error, OSError):  # nobody leads just now
            return False

    try:
        await until(known, 60, f"nobody leads the stream of {service}")
    finally:
        await broker.close()
    return found[0]


async def lose(cluster: EmbeddedNatsCluster, index: int, seconds: float) -> None:
    """Kills a node, and starts it again after a while."""
    node = cluster.nodes[index]
    await asyncio.to_thread(node.halt, signal.SIGKILL)
    await asyncio.sleep(seconds)
    node.spawn()
    await asyncio.to_thread(node.wait_ready, 60.0)


class TestLeaderLost:
    @pytest.mark.soak
    @pytest.mark.timeout(7200)
    async def test_nothing_is_lost_doubled_or_out_of_order(
        self, cluster: EmbeddedNatsCluster, stack: Stack, soaking: bool
    ) -> None:
        rng = random.Random(3)
        doors = Doors(stack, rng)
        trade = Trade(doors, rng)
        await trade.open()
        working = asyncio.create_task(trade.run(4, rest=0.1))
        kills = SOAK_KILLS if soaking else KILLS
        for number in range(kills):
            before = len(trade.ledger.done)
            leads = await leader_of(cluster, STREAMS[number % len(STREAMS)])
            # Every third time somebody else than the leader: writes go on, two of three are enough.
            victim = leads if number % 3 else (leads + rng.randint(1, 2)) % len(cluster.nodes)
            await lose(cluster, victim, rng.uniform(0.2, 3.0))
            await until(_more(trade, before + 10), 120, "nothing is written any more")
        trade.stop()
        await working
        await trade.settle()
        await quiet(stack)

        figures = Figures()
        await check_events(stack, figures)
        await check_audit(stack, trade.ledger, figures)
        await check_wholeness(stack)
        await check_content(stack, trade.ledger, figures)
        await check_effects(stack, trade.ledger, figures)
        await doors.close()
        stall = "SELECT coalesce(max(extract(epoch FROM publish_time - create_time)), 0)::float AS seconds FROM outbox_messages"
        longest = {name: round((await stack.sql(name, stall))[0]["seconds"], 1) for name in stack.services}
        print(
            f"{kills} nodes killed; the longest that an event waited for its stream, in s: {longest}",
            *figures.lines(),
            sep="\n",
        )
        assert "http 500" not in doors.answers


def _more(trade: Trade, wanted: int) -> object:
    async def done() -> bool:
        return len(trade.ledger.done) >= wanted

    return done
