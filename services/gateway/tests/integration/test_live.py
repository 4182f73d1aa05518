"""Live changes: who hears what, and that a broken connection neither loses nor doubles any of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from devstack.issuer import PERSON_LIFETIME, Issuer
from marque.network.v1 import dealer_pb2, dealer_service_pb2
from marque.network.v1 import network_import_service_pb2 as imports
from servicekit.rpc.tokens import LEEWAY_SECONDS
from servicekit.testing.platform import Platform, until

BUFFER = 150


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("network")
    await platform.start("customer")
    early = dealer_pb2.Dealer(code="EARLY", names={"en": "D"}, kinds=[dealer_pb2.DEALER_KIND_SALES], time_zone="UTC")
    manager = platform.client("network", "oem.manager")
    await manager.call("network.v1.DealerService/CreateDealer", dealer_service_pb2.CreateDealerRequest(dealer=early))

    async def published() -> bool:
        return not await platform.sql("network", "SELECT 1 FROM outbox_messages WHERE publish_time IS NULL")

    await until(published, 20, "what happened before the door opened is not in the stream")
    await platform.open_gateway(live_buffer=BUFFER, live_connections_per_principal=3)
    yield platform


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def begun(door: Platform, live_ready: Any) -> None:
    await live_ready()


async def change(door: Platform, dealer: str, group: str) -> None:
    async with door.http("oem.manager") as client:
        answer = await client.patch(f"/v1/dealers/{dealer}", json={"groupCode": group})
    assert answer.status_code == 200, answer.text


async def new_customer(door: Platform) -> str:
    async with door.http("oem.agent") as client:
        answer = await client.post(
            "/v1/customers", json={"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "Ada Lovelace"}}
        )
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["customerId"]
    return made


def groups(events: list[Any]) -> list[str]:
    return [event["groupCode"] for event in events]


class TestWhoHears:
    async def test_a_dealers_change_reaches_its_people_and_the_maker_only(
        self, door: Platform, new_dealer: Any, listen: Any
    ) -> None:
        own, other = await new_dealer(), await new_dealer()
        async with AsyncExitStack() as stack:
            ears = {
                role: await stack.enter_async_context(listen(role, **scope))
                for role, scope in {
                    "dealer.sales": {"dealers": [own]},
                    "dealer.care": {"dealers": [other]},
                    "oem.manager": {},
                    "owner": {"customer": "01900000-0000-7000-8000-000000000001"},
                    "partner": {"partner": "bank"},
                    "oem.research": {},
                    "ops": {},
                }.items()
            }
            await change(door, own, "MINE")
            await change(door, other, "THEIRS")
            await ears["oem.manager"].has("DealerChanged", 2)
            await ears["dealer.sales"].has("DealerChanged")
            await ears["dealer.care"].has("DealerChanged")

            heard = {role: groups(ear.of("DealerChanged")) for role, ear in ears.items()}

        assert heard == {
            "dealer.sales": ["MINE"], "dealer.care": ["THEIRS"], "oem.manager": ["MINE", "THEIRS"],
            "owner": [], "partner": [], "oem.research": [], "ops": [],
        }  # fmt: skip

    async def test_a_customers_change_reaches_the_customer_and_no_other(self, door: Platform, listen: Any) -> None:
        own, other = await new_customer(door), await new_customer(door)
        async with (
            listen("owner", subject="self", customer=own) as mine,
            listen("owner", subject="else", customer=other) as theirs,
            listen("oem.technical") as without_permission,
            listen("oem.agent") as agent,
        ):
            async with door.http("oem.agent") as client:
                await client.patch(f"/v1/customers/{own}", json={"name": {"fullName": "Ada King"}})
            (told,) = await mine.has("CustomerUpdated")
            await agent.has("CustomerUpdated")

        assert told["customerId"] == own
        assert "Ada" not in str(told)
        assert (theirs.of("CustomerUpdated"), without_permission.of("CustomerUpdated")) == ([], [])

    async def test_without_a_token_it_is_401(self, listen: Any) -> None:
        async with listen("") as ear:
            assert (ear.status, ear.headers["content-type"]) == (401, "application/problem+json")

    async def test_the_stream_is_named_traced_and_not_compressed(self, listen: Any) -> None:
        async with listen("oem.manager") as ear:
            assert ear.headers["content-type"].startswith("text/event-stream")
            assert ear.headers["cache-control"] == "no-store"
            assert len(ear.headers["x-trace-id"]) == 32
            assert "content-encoding" not in ear.headers
            assert [event.type for event in ear.heard] == ["hello"]


class TestGoingOn:
    async def test_what_was_missed_comes_once_and_then_what_is_new(
        self, door: Platform, new_dealer: Any, listen: Any
    ) -> None:
        dealer = await new_dealer()
        async with listen("oem.manager") as ear:
            await change(door, dealer, "A0")
            await ear.has("DealerChanged")
            last = ear.last_id
        for number in range(1, 4):
            await change(door, dealer, f"A{number}")
        async with listen("oem.manager") as witness:
            await change(door, dealer, "A4")
            await witness.has("DealerChanged")

        async with listen("oem.manager", last) as ear:
            await ear.has("DealerChanged", 4)
            await change(door, dealer, "A5")
            found = groups(await ear.has("DealerChanged", 5))

        assert found == ["A1", "A2", "A3", "A4", "A5"]
        assert ear.heard[0].type == "hello"
        assert ear.heard[0].id == "", "an id here would let a client that breaks now skip what it missed"

    async def test_a_reader_that_breaks_again_and_again_hears_each_change_once(
        self, door: Platform, new_dealer: Any, listen: Any
    ) -> None:
        dealer, total = await new_dealer(), 40
        async with listen("oem.manager") as ear:
            last = ear.heard[0].id

        async def write() -> None:
            for number in range(total):
                await change(door, dealer, f"R{number}")

        writing, found = asyncio.create_task(write()), []
        while len(found) < total:
            async with listen("oem.manager", last) as ear:
                await ear.has("DealerChanged")
                found += [group for group in groups(ear.of("DealerChanged")) if group.startswith("R")]
                last = ear.last_id
        await writing

        assert found == [f"R{number}" for number in range(total)]

    async def test_too_old_an_id_is_a_reset_and_the_newest_that_is_gone_too(
        self, door: Platform, new_dealer: Any, listen: Any
    ) -> None:
        async with listen("oem.manager") as ear:
            early = ear.heard[0].id
            rows = [
                imports.DealerImportRow(code=f"OLD-{number}", names={"en": "D"}, kinds="sales", time_zone="UTC")
                for number in range(BUFFER + 1)
            ]
            request = imports.ImportDealersRequest(rows=rows)
            request.header.source = "test"
            name = "network.v1.NetworkImportService/ImportDealers"
            answers = [one async for one in door.client("gateway", "oem.manager").stream(name, iter([request]))]
            assert answers[-1].summary.created == BUFFER + 1
            await ear.has("DealerChanged", BUFFER + 1)
            oldest_kept = next(event.id for event in ear.heard if event.type.endswith("DealerChanged"))

        async with listen("oem.manager", early) as gone, listen("oem.manager", oldest_kept) as kept:
            assert [event.type for event in gone.heard] == ["reset"]
            assert gone.last_id
            await kept.has("DealerChanged", BUFFER)
            assert kept.heard[0].type == "hello"

    @pytest.mark.parametrize("last", ["customer:0.network:999999", "customer:0.network:0"])
    async def test_an_id_from_beyond_or_before_this_door_is_a_reset(self, listen: Any, last: str) -> None:
        async with listen("oem.manager", last) as ear:
            assert [event.type for event in ear.heard] == ["reset"]

    @pytest.mark.parametrize(
        "last", ["x", "network", "network:-1", "network:1:2", "network:٣", "a:1" * 400, "network:1."]
    )
    async def test_an_id_that_is_none_is_a_problem_naming_the_header(self, listen: Any, last: str) -> None:
        async with listen("oem.manager", last.encode()) as ear:
            assert ear.status == 400
            assert ear.problem["errors"][0]["field"] == "Last-Event-ID"


class TestLimits:
    async def test_one_principals_connections_are_limited_and_freed_when_they_end(
        self, door: Platform, listen: Any
    ) -> None:
        async with (
            listen("oem.agent") as first,
            listen("oem.agent"),
            listen("oem.agent"),
            listen("oem.agent") as fourth,
            listen("oem.manager") as other,
        ):
            assert (first.status, fourth.status, other.status) == (200, 429, 200)
            assert fourth.headers["retry-after"] == "5"

        async def free() -> bool:
            async with listen("oem.agent") as ear:
                return bool(ear.status == 200)

        await until(free, 10, "the places are not freed")

    async def test_a_crowd_at_once_gets_no_more_than_its_places(self, door: Platform) -> None:
        async with door.http("oem.keyaccount") as client, AsyncExitStack() as stack:
            opened = await asyncio.gather(
                *(stack.enter_async_context(client.stream("GET", "/v1/events")) for _ in range(12))
            )
            assert sorted(answer.status_code for answer in opened) == [200] * 3 + [429] * 9

    async def test_a_reader_that_takes_nothing_holds_nobody_up(
        self, door: Platform, new_dealer: Any, listen: Any
    ) -> None:
        dealer = await new_dealer()
        host, port = door.http_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1)
        token = door.token("oem.manager", subject="sleeper")
        writer.write(f"GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode())
        await reader.readexactly(1)
        async with listen("oem.agent") as ear:
            for number in range(20):
                await change(door, dealer, f"S{number}")
            found = groups(await ear.has("DealerChanged", 20))
        writer.close()

        assert found == [f"S{number}" for number in range(20)]

    async def test_a_stream_ends_with_its_token(self, door: Platform, listen: Any) -> None:
        keys = door.issuer.issuer.keys
        ends_in_2_s = time.time() - PERSON_LIFETIME - LEEWAY_SECONDS + 2
        token = Issuer(door.issuer.url, keys, clock=lambda: ends_in_2_s).person_token("short", ["oem.agent"])
        async with listen("", token=token) as ear:

            async def over() -> bool:
                return ear.ended

            await until(over, 20, "the stream outlives its token")

    async def test_head_opens_nothing(self, door: Platform) -> None:
        async with door.http("oem.quality") as client:
            answers = [await client.head("/v1/events") for _ in range(5)]

        assert [answer.status_code for answer in answers] == [200] * 5
