"""Random lives of customers: created, edited, merged, unmerged, erased, in any order and across services.

After each step the customers are what a model of a few lines says, no row is without its customer, no merge goes round in a circle, and
every service knows the same aliases. A merge that is undone at once leaves every table of every service as it was.

Long size: `make soak T=tests/e2e/test_identity_sequences.py`. MARQUE_IDENTITY_SEED chooses the seed of a run, which is printed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import uuid
from typing import Any

import pytest
from devstack.ports import free_port
from marque.customer.v1 import customer_service_pb2, identity_service_pb2
from servicekit.testing import lives as lives_of
from servicekit.testing import lives_elsewhere
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import World

SEQUENCES, STEPS = 2, 14
SOAK_SEQUENCES, SOAK_STEPS = 60, 120
PAIRS, KILLS = 10, 2
SOAK_PAIRS, SOAK_KILLS = 200, 60


class TestSequences:
    @pytest.mark.soak
    async def test_random_lives_are_what_the_model_says_in_every_service(self, world: World, soaking: bool) -> None:
        seed = int(os.environ.get("MARQUE_IDENTITY_SEED") or random.randrange(1 << 30))
        print(f"seed {seed} (MARQUE_IDENTITY_SEED)")
        for service in lives_of.SERVICES[3:]:
            await world.platform.start(service, peers=dict(world.platform.peers))
        dealer = await world.dealer()
        for sequence in range(SOAK_SEQUENCES if soaking else SEQUENCES):
            rng = random.Random(seed + sequence)
            lives = lives_of.Lives(world, rng)
            for _ in range(3):
                await lives.create()
                await lives_elsewhere.sell(world, dealer, list(lives.own)[-1])
            lives.complaining.add(list(lives.own)[-1])
            await lives_elsewhere.complain(world, dealer, list(lives.own)[-1])
            await lives.belong()
            await lives_elsewhere.invite(world, dealer, list(lives.own))
            await lives_elsewhere.settled(world, list(lives.own))
            for _ in range(SOAK_STEPS if soaking else STEPS):
                steps = (
                    lives.create,
                    lives.edit,
                    lives.merge,
                    lives.unmerge,
                    lives.there_and_back,
                    lives.refused,
                    lives.erase,
                )
                (step,) = rng.choices(steps, (2, 4, 5, 4, 2, 1, 1))
                lives.steps.append(step.__name__)
                await (step() if lives.standing else lives.create())
                await lives.check()
            await lives_of.heard(world)
            await lives.close()


class TestCrash:
    @pytest.mark.soak
    async def test_service_killed_in_the_middle_of_merges_does_each_once(
        self, platform: Platform, soaking: bool
    ) -> None:
        pairs, kills = (SOAK_PAIRS, SOAK_KILLS) if soaking else (PAIRS, KILLS)
        await platform.stop()
        settings = await platform.prepare("customer", grpc_port=free_port())
        process = await platform.spawn_again("customer", settings)
        await platform.start("vehicle")
        agent = platform.client("customer", "oem.agent")
        ids = [await _made(agent) for _ in range(2 * pairs)]
        wishes = [
            identity_service_pb2.MergeCustomersRequest(
                customer_id=into, from_customer_id=gone, reasons=["SUITE"], request_id=uuid.uuid4().hex
            )
            for into, gone in zip(ids[::2], ids[1::2], strict=True)
        ]
        working = [asyncio.create_task(_insist(agent, wish)) for wish in wishes]
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.01, 0.15))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = await platform.spawn_again("customer", settings)
        merges = await asyncio.gather(*working)
        told = await platform.sql("customer", "SELECT merge_id FROM customer_merges WHERE unmerge_time IS NULL")
        mine = {merge.merge_id for merge in merges}
        assert len(mine) == pairs
        assert mine <= {str(row[0]) for row in told}
        events = "SELECT count(*) FROM outbox_messages WHERE event_type = 'marque.customer.v1.CustomersMerged' AND aggregate_id = ANY($1)"
        assert (await platform.sql("customer", events, ids[::2]))[0][0] == pairs
        half = "SELECT 1 FROM customers WHERE status = 2 AND customer_id::text = ANY($1) AND merged_into IS NULL"
        assert await platform.sql("customer", half, ids) == []

        async def known() -> bool:
            query = (
                "SELECT from_customer_id::text, to_customer_id::text FROM customer_aliases WHERE known_until IS NULL"
            )
            rows = {tuple(row) for row in await platform.sql("vehicle", query)}
            return {(gone, into) for into, gone in zip(ids[::2], ids[1::2], strict=True)} <= rows

        await until(known, 30, "the vehicle service did not hear every merge")


async def _made(client: Any) -> str:
    request = customer_service_pb2.CreateCustomerRequest(customer={"kind": 1, "name": {"full_name": "王伟"}})
    return str((await client.call("customer.v1.CustomerService/CreateCustomer", request)).customer_id)


async def _insist(client: Any, wish: Any) -> Any:
    """Asks until there is an answer: the same request each time."""
    while True:
        try:
            return await client.call("customer.v1.IdentityService/MergeCustomers", wish, timeout=5)
        except RpcFailure as failure:
            if failure.code not in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "INTERNAL", "UNKNOWN", "CANCELLED"):
                raise
            await asyncio.sleep(0.05)
