"""A service's whole state said again makes a consumer's tables anew, equal to the old ones, and triggers nothing.

For every consumer and every table that it keeps of another service: what these are is read from the services, and from what their
consumers really write. Who joins with a table that cannot be made anew fails here.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from devstack.ports import free_port
from marque.customer.v1.customer_events_pb2 import CustomersMerged, CustomersUnmerged
from marque.type.v1 import personal_data_pb2
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit import aliases
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.service import Service
from servicekit.testing import rebuild, web
from servicekit.testing.access import cast as casting
from servicekit.testing.access.cast import Cast
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import World

pytestmark = pytest.mark.slow

SERVICES = rebuild.services()
MANY = 520  # rows of each aggregate: two steps of a republication (servicekit.republish.STEP)
UNLIMITED = 10_000_000


@dataclass
class Scene:
    """The platform with a trade in it; every service a process that can be killed."""

    platform: Platform
    known: dict[str, Service]
    settings: dict[str, Any]
    processes: dict[str, Any]
    http: httpx.AsyncClient
    cast: Cast = None  # type: ignore[assignment] # made once the doors are open
    versions: itertools.count = field(default_factory=lambda: itertools.count(1000))  # type: ignore[type-arg]

    async def merge(self, gone: str, into: str, *, undo: bool = False) -> None:
        """Merges two customers, or undoes it, as their owner does: its own alias and the event in one transaction."""
        database, version = Database(self.platform.databases["customer"]), next(self.versions)
        step, kind = (aliases.end, CustomersUnmerged) if undo else (aliases.begin, CustomersMerged)
        async with (uow := UnitOfWork(database, Call(SYSTEM, "merge"))):
            await step(uow.session, uuid.UUID(gone), uuid.UUID(into), uow.now, version)
            uow.emit(kind(customer_id=into, merged_customer_id=gone, aggregate_version=version))
        await database.engine.dispose()

    async def kill(self, name: str) -> None:
        """kill -9, and the next one."""
        self.processes[name].kill()
        self.processes[name].wait()
        self.processes[name] = await self.platform.spawn_again(name, self.settings[name])

    async def settled(self) -> None:
        """Returns when everything was heard and every plate asked for."""
        await rebuild.quiet(self.platform, SERVICES)

        async def asked() -> bool:
            query = "SELECT count(*) FROM known_cars WHERE plate_stale_time IS NOT NULL"
            return not (await self.platform.sql("customer", query))[0][0]

        await until(asked, 60, "plates are still to be asked for")

        async def taken_over() -> bool:
            return not (await self.platform.sql("campaign", "SELECT count(*) FROM audience_stale"))[0][0]

        await until(taken_over, 60, "what segments ask of people is still to be asked for")

    async def all_contents(self) -> dict[str, rebuild.Contents]:
        return {name: await rebuild.contents(self.platform, name) for name in SERVICES}

    async def send(self, verb: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        return await self.cast.send(verb, path, "oem.manager", {}, json=body, headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(platform: Platform) -> AsyncIterator[Scene]:
    """The permission suite's world, and what it lacks: a sale taken back, an ownership ended, people merged, one erased."""
    ports = {name: free_port() for name in SERVICES}
    peers = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    settings = {
        name: await platform.prepare(name, grpc_port=port, peers=peers, trace_sample_ratio=0.0)
        for name, port in ports.items()
    }
    known = await rebuild.declared(settings)
    for name in SERVICES:
        await rebuild.spy(platform, name)
    processes = {name: await platform.spawn_again(name, settings[name]) for name in SERVICES}
    await platform.open_gateway(trace_sample_ratio=0.0, principal_rate=UNLIMITED, address_rate=UNLIMITED)
    async with web.client(platform.http_url, timeout=60) as http:
        made = Scene(platform, known, settings, processes, http)
        made.cast = await casting.make(World(platform, InMemorySpanExporter()), http)
        await happen(made)
        await made.settled()
        yield made


async def happen(scene: Scene) -> None:
    """What leaves states that only a few events lead to."""
    cast = scene.cast
    sale = cast.row("sale", "region").id
    await scene.send("POST", f"/v1/sales/{sale}:reverse", {"reason": "CUSTOMER_RETURNED"})
    ended = cast.row("ownership at hand", "group").id
    moment = (now() - timedelta(minutes=1)).isoformat()
    await scene.send("POST", f"/v1/ownerships/{ended}:end", {"validEndTime": moment, "reason": 1})
    await pause(scene)
    dealer = cast.row("dealer", "other").id
    await scene.send("PATCH", f"/v1/dealers/{dealer}", {"regionCode": "MOVED"})
    people = [await cast.world.customer() for _ in range(5)]
    await scene.merge(people[0], people[1])
    await scene.merge(people[1], people[2])
    await scene.merge(people[3], people[2])
    await scene.merge(people[3], people[2], undo=True)
    await scene.merge(people[3], people[4])
    await scene.send("POST", f"/v1/leads/{cast.row('calendar:lead', 'region').id}:recycle", {"reason": "NOBODY_THERE"})
    for person in (cast.row("customer", "desk").id, cast.row("calendar:lead", "other").facts["person"]):
        await erase(scene, person)


async def pause(scene: Scene) -> None:
    """A campaign that waits for what nobody does here, begun and paused."""
    told = {
        "name": "After the purchase",
        "kind": "CAMPAIGN_KIND_NEWSLETTER",
        "channel": "CHANNEL_EMAIL",
        "purpose": "CONSENT_PURPOSE_MARKETING",
        "trigger": "CAMPAIGN_RESPONSE_KIND_PURCHASE",
        "templateId": scene.cast.row("message template", "maker").id,
    }
    path = f"/v1/campaigns/{(await scene.send('POST', '/v1/campaigns', told))['campaignId']}"
    await scene.send("POST", f"{path}:submit", {})
    await scene.cast.send("POST", f"{path}:approve", "oem.manager", {"subject": "another"}, json={})
    await scene.send("POST", f"{path}:schedule", {})

    async def runs() -> bool:
        return (await scene.send("GET", path))["state"] == "CAMPAIGN_STATE_RUNNING"

    await until(runs, 60, "the campaign is not launched")
    await scene.send("POST", f"{path}:pause", {})


async def erase(scene: Scene, customer: str) -> None:
    """Erases a customer everywhere, as far as each service may."""
    for name in SERVICES:
        client = scene.platform.client(name, "service")
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=customer, erasure_id=str(uuid.uuid4()))
        await client.call(
            f"marque.{name}.v1.{name.capitalize()}PersonalDataService/ErasePersonalData", request, timeout=30
        )


class TestDeclarations:
    async def test_every_table_that_events_feed_is_rebuilt_or_said_to_be_an_effect(self, scene: Scene) -> None:
        wrong = []
        for name, service in scene.known.items():
            fed = await rebuild.written(scene.platform, name)
            wrong += rebuild.undeclared(service, fed, scene.known)

        assert wrong == []

    async def test_the_spy_sees_what_consumers_write(self, scene: Scene) -> None:
        """So that the test above can fail."""
        assert {"known_cars", "interactions", "relations"} <= (await rebuild.written(scene.platform, "customer"))[
            "customer_vehicle"
        ]
        bare = {
            name: Service(name, service.migrations, (), [_bare(one) for one in service.subscriptions])
            for name, service in scene.known.items()
        }
        fed = await rebuild.written(scene.platform, "customer")

        assert any("known_cars" in fault for fault in rebuild.undeclared(bare["customer"], fed, bare))


def _bare(one: Any) -> Any:
    return type(one)(one.name, one.source, one.handlers, groups=one.groups)


class TestRebuild:
    async def test_there_is_something_of_every_kind_to_rebuild(self, scene: Scene) -> None:
        tables = await rebuild.kept(scene.platform, scene.known)

        assert [f"{name}.{table}" for name, found in tables.items() for table, rows in found.items() if not rows] == []

    async def test_saying_everything_again_changes_nothing_and_triggers_nothing(self, scene: Scene) -> None:
        before, events = await scene.all_contents(), await told(scene)
        said = await rebuild.ended(scene.platform, await rebuild.republish(scene.platform, SERVICES))
        await scene.settled()
        after = await scene.all_contents()

        assert {name for name, count in said.items() if not count} == {
            name for name, service in scene.known.items() if not service.snapshots
        }
        assert {name: differing(before[name], after[name]) for name in SERVICES} == {name: {} for name in SERVICES}
        fresh = {kind for name in SERVICES for kind in await told(scene, name, after=events[name])}
        assert {kind for kind in fresh if not kind.endswith("Snapshot")} == set()

    async def test_tables_made_anew_equal_the_old_ones(self, scene: Scene) -> None:
        before, events = await scene.all_contents(), await told(scene)
        await rebuild.forget(scene.platform, scene.known)
        emptied = await rebuild.kept(scene.platform, scene.known)
        await rebuild.ended(scene.platform, await rebuild.republish(scene.platform, SERVICES))
        await scene.settled()
        after = await scene.all_contents()

        assert not any(rows for tables in emptied.values() for rows in tables.values())
        assert {name: differing(before[name], after[name]) for name in SERVICES} == {name: {} for name in SERVICES}
        fresh = {kind for name in SERVICES for kind in await told(scene, name, after=events[name])}
        assert {kind for kind in fresh if not kind.endswith("Snapshot")} == set()


class TestRebuildBesideLife:
    """Emptied and said again while people go on working and processes die."""

    @pytest.mark.soak
    @pytest.mark.timeout(900)
    async def test_killed_again_and_again_beside_living_changes_it_ends_at_the_same_state(
        self, scene: Scene, soaking: bool
    ) -> None:
        await crowd(scene)
        await rebuild.forget(scene.platform, scene.known)
        republishes = await rebuild.republish(scene.platform, SERVICES)
        stopping = asyncio.Event()
        working = [asyncio.create_task(work(scene, stopping)) for work in (dealers, owners, merges)]
        for name in SERVICES * (8 if soaking else 1):
            await asyncio.sleep(0.3)
            await scene.kill(name)
        said = await rebuild.ended(scene.platform, republishes)
        stopping.set()
        done = sum(await asyncio.gather(*working))
        await scene.settled()
        lived = await rebuild.kept(scene.platform, scene.known)

        await rebuild.forget(scene.platform, scene.known)
        await rebuild.ended(scene.platform, await rebuild.republish(scene.platform, SERVICES))
        await scene.settled()
        still = await rebuild.kept(scene.platform, scene.known)

        assert done > 10
        assert min(said["network"], said["vehicle"], said["customer"]) > MANY
        assert {name: differing(still[name], lived[name]) for name in SERVICES} == {name: {} for name in SERVICES}
        assert await letters(scene) == []


async def crowd(scene: Scene) -> None:
    """Many rows of every aggregate that is heard of, put into the owners' databases past their doors: nobody has heard of them."""
    sql, customer = scene.platform.sql, scene.cast.row("customer", "own").id
    await sql(
        "network",
        """INSERT INTO dealers
            (dealer_id, version, create_time, update_time, code, names, kinds, time_zone, status, search_text, search_tokens)
        SELECT gen_random_uuid(), 1, now(), now(), 'CROWD-' || n, '{"en": "Crowd"}', '{1}', 'UTC', 2, '', '{}'
        FROM generate_series(1, $1::integer) n""",
        MANY,
    )
    await sql(
        "vehicle",
        """WITH cars AS (
            INSERT INTO vehicles (vin, version, create_time, update_time, make, model)
            SELECT 'CROWD' || lpad(n::text, 12, '0'), 1, now(), now(), 'Marque', 'One' FROM generate_series(1, $1::integer) n
            RETURNING vin)
        INSERT INTO ownerships (ownership_id, version, vin, customer_id, role, valid_from, known_from)
        SELECT gen_random_uuid(), 1, vin, $2::uuid, 1, now() - interval '1 day', now() FROM cars""",
        MANY,
        uuid.UUID(customer),
    )
    await sql(
        "customer",
        """INSERT INTO customer_aliases (from_customer_id, known_from, to_customer_id, version)
        SELECT gen_random_uuid(), now(), gen_random_uuid(), 1 FROM generate_series(1, $1::integer)""",
        MANY,
    )


async def dealers(scene: Scene, stopping: asyncio.Event) -> int:
    """Dealers change; returns how often."""
    ids = [row.id for row in scene.cast.rows["dealer"].values()]

    async def step(number: int) -> None:
        body = {"regionCode": f"R{number}", "groupCode": f"G{number % 3}"}
        await scene.send("PATCH", f"/v1/dealers/{ids[number % len(ids)]}", body)

    return await again(step, stopping)


async def owners(scene: Scene, stopping: asyncio.Event) -> int:
    """Cars are handed on and owners leave."""
    rng = random.Random(3)

    async def step(number: int) -> None:
        vin = f"CROWD{rng.randrange(MANY) + 1:012}"
        known = await scene.cast.send("GET", "/v1/ownerships", "oem.manager", {}, params={"vin": vin})
        going = [
            one["ownershipId"] for one in known["ownerships"] if "validEndTime" not in one or not one["validEndTime"]
        ]
        moment = (now() - timedelta(seconds=1)).isoformat()
        if going and number % 2:
            await scene.send("POST", f"/v1/ownerships/{going[0]}:end", {"validEndTime": moment, "reason": 1})
        elif going:
            given = {"toCustomerId": scene.cast.stranger, "transferTime": moment}
            await scene.send("POST", f"/v1/ownerships/{going[0]}:transfer", given)

    return await again(step, stopping)


async def merges(scene: Scene, stopping: asyncio.Event) -> int:
    """People are merged and part again, some of them known before."""
    known = await scene.platform.sql(
        "customer",
        "SELECT from_customer_id::text, to_customer_id::text FROM customer_aliases WHERE known_until IS NULL LIMIT 200",
    )

    async def step(number: int) -> None:
        gone, into = known[number % len(known)]
        await scene.merge(gone, into, undo=True)
        if number % 2:
            await scene.merge(gone, str(uuid.uuid4()))

    return await again(step, stopping)


async def again(step: Any, stopping: asyncio.Event) -> int:
    """Does a step until it is enough; what a killed process could not answer is passed over. Returns how many were done."""
    done = 0
    for number in itertools.count():
        if stopping.is_set():
            return done
        try:
            await step(number)
            done += 1
        except (AssertionError, httpx.HTTPError):
            await asyncio.sleep(0.05)
    return done


async def told(scene: Scene, *names: str, after: int = -1) -> Any:
    """The last position of every outbox; or the types of one service's events after a position."""
    if not names:
        query = "SELECT coalesce(max(position), 0) FROM outbox_messages"
        return {name: (await scene.platform.sql(name, query))[0][0] for name in SERVICES}
    query = "SELECT DISTINCT event_type FROM outbox_messages WHERE position > $1"
    return {row[0] for name in names for row in await scene.platform.sql(name, query, after)}


async def letters(scene: Scene) -> list[str]:
    """What could not be applied."""
    query = "SELECT consumer || ' ' || event_type || ' ' || reason FROM dead_letters"
    return [row[0] for name in SERVICES for row in await scene.platform.sql(name, query)]


def differing(before: rebuild.Contents, after: rebuild.Contents) -> dict[str, Any]:
    """The tables that differ, each with some rows that only one of the two has."""
    found = {}
    for table in before.keys() | after.keys():
        old, new = set(before.get(table, [])), set(after.get(table, []))
        if before.get(table) != after.get(table):
            found[table] = {"gone": sorted(old - new)[:3], "new": sorted(new - old)[:3], "rows": (len(old), len(new))}
    return found
