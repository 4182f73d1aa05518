"""Random lives of customers for a test: what is done to them through the doors, and a model that says what must be found."""

from __future__ import annotations

import random
import uuid
from typing import Any

import asyncpg
from marque.type.v1 import personal_data_pb2

from servicekit.testing import rebuild
from servicekit.testing.platform import until
from servicekit.testing.world import World

SERVICES = ("customer", "vehicle", "network", "complaint", "survey", "campaign")
# What says how something came about, or repeats it: not what is compared before and after.
PASSED = frozenset(
    {
        *(
            "outbox_messages",
            "inbox_messages",
            "audit_records",
            "audit_links",
            "audit_anchors",
            "audit_chain",
            "due_work",
        ),
        *(
            "idempotency_keys",
            "customer_aliases",
            "customer_merges",
            "customer_standings",
            "alembic_version",
            "known_stages",  # who never moved has no line, who moved and came back has one
            "dead_letters",
            "staff_loads",
            "lifecycle_changes",
        ),
    }
)
MOVING = ("version", "update_time", "card", "last_time")
ORPHANS = """
SELECT '{table}' AS place, t.customer_id FROM {table} t LEFT JOIN customers c USING (customer_id) WHERE c.customer_id IS NULL"""
HOLDERS = (
    *("contact_points", "source_references", "relations", "dealer_customers", "consent_entries", "interactions"),
    *("known_cars", "source_records", "customer_merges", "customer_values", "lifecycle_changes", "holdings"),
    *("known_sales", "known_visits", "spend_entries", "customer_ties", "profile_marks", "lost_reasons"),
)
ALIASES = """
SELECT from_customer_id, to_customer_id, known_from, known_until FROM customer_aliases
WHERE known_until IS NULL OR known_until > known_from ORDER BY 1, 3"""


class Lives:
    """Some customers, and what a reader must find of each: the tags that are its own, and into whom it is merged."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world, self._rng = world, rng
        self._agent = world.http("oem.agent")
        self.own: dict[str, set[str]] = {}
        self.into: dict[str, str] = {}
        self.merges: dict[str, str] = {}
        self.erased: set[str] = set()
        self.complaining: set[str] = set()
        self.steps: list[str] = []

    @property
    def living(self) -> list[str]:
        return [one for one in self.own if one not in self.erased]

    @property
    def standing(self) -> list[str]:
        return [one for one in self.living if one not in self.into]

    def root(self, customer_id: str) -> str:
        while customer_id in self.into:
            customer_id = self.into[customer_id]
        return customer_id

    def family(self, customer_id: str) -> set[str]:
        below = {one for one, into in self.into.items() if into == customer_id}
        return {customer_id}.union(*map(self.family, below))

    async def close(self) -> None:
        await self._agent.aclose()

    async def post(self, path: str, **body: Any) -> Any:
        answer = await self._agent.post(path, json=body)
        assert answer.status_code == 200, (path, answer.text, self.steps)
        return answer.json()

    async def create(self) -> None:
        tag = uuid.uuid4().hex[:8]
        made = await self.post(
            "/v1/customers",
            kind="CUSTOMER_KIND_PERSON",
            name={"fullName": self._rng.choice(("王伟", "Wang Wei", "李娜"))},
            tags=[tag],
            contactPoints=[{"kind": "CONTACT_POINT_KIND_EMAIL", "value": f"{tag}@example.com"}],
        )
        self.own[made["customerId"]] = {tag}

    async def belong(self) -> None:
        """Somebody lives with somebody, and has an insurance: rows that name customers, and stay as they are."""
        one, other = self._rng.sample(self.standing, 2)
        tie = {"kind": "TIE_KIND_HOUSEHOLD", "customerId": one, "otherCustomerId": other}
        await self.post("/v1/customerTies", **tie)
        await self.post("/v1/holdings", customerId=one, kind="HOLDING_KIND_INSURANCE")

    async def edit(self) -> None:
        customer_id, tag = self._rng.choice(self.standing), uuid.uuid4().hex[:8]
        shown = await self.read(customer_id)
        body = {"tags": [*shown["tags"], tag]}
        answer = await self._agent.patch(f"/v1/customers/{customer_id}", json=body)
        assert answer.status_code == 200, answer.text
        self.own[customer_id].add(tag)

    async def merge(self) -> None:
        if len(self.standing) < 2:
            await self.create()
            return
        await self._merge(*self._rng.sample(self.standing, 2))

    async def _merge(self, into: str, gone: str) -> str:
        made = await self.post(f"/v1/customers/{into}:merge", fromCustomerId=gone, reasons=["SUITE"])
        self.into[gone], self.merges[gone] = into, made["mergeId"]
        return str(made["mergeId"])

    async def unmerge(self) -> None:
        able = [one for one in self.into if one not in self.erased]
        if not able:
            await self.merge()
            return
        await self._unmerge(self._rng.choice(able))

    async def _unmerge(self, gone: str) -> None:
        await self.post(f"/v1/customerMerges/{self.merges.pop(gone)}:unmerge", reason="TWO_PEOPLE")
        del self.into[gone]

    async def erase(self) -> None:
        # Who has an open case is kept (test_erasure.py); here everybody else can go.
        able = [one for one in self.living if not self.family(one) & self.complaining]
        if len(self.living) < 4 or not able:
            await self.create()
            return
        customer_id = self._rng.choice(able)
        for service in SERVICES:
            client = self._world.platform.client(service, "service")
            request = {"customer_id": customer_id, "erasure_id": str(uuid.uuid5(uuid.UUID(customer_id), "erase"))}
            name = f"{service}.v1.{service.capitalize()}PersonalDataService/ErasePersonalData"
            await client.call(name, _erasure(request))
        gone = self.family(customer_id)
        self.erased |= gone
        for one in gone:
            self.own[one] = set()
            self.merges.pop(one, None)
            self.into.pop(one, None)

    async def refused(self) -> None:
        """What must not be: of a merged, an erased, itself."""
        one = self._rng.choice(self.living)
        for other in [one, *list(self.into)[:1], *list(self.erased)[:1]]:
            answer = await self._agent.post(
                f"/v1/customers/{one}:merge", json={"fromCustomerId": other, "reasons": ["SUITE"]}
            )
            if answer.status_code == 200:  # only a merge that stands is answered again
                assert self.into.get(other) == one, (one, other, self.steps)

    async def there_and_back(self) -> None:
        """A merge that is undone leaves every table as it was, in every service."""
        if len(self.standing) < 2:
            await self.create()
            return
        into, gone = self._rng.sample(self.standing, 2)
        await heard(self._world)
        before = [await tables(self._world, service) for service in SERVICES]
        await self._merge(into, gone)
        await self.check()
        await self._unmerge(gone)
        await heard(self._world)
        after = [await tables(self._world, service) for service in SERVICES]
        for was, now in zip(before, after, strict=True):
            different = {name for name in was if was[name] != now[name]}
            assert different == set(), self.steps

    async def read(self, customer_id: str) -> Any:
        answer = await self._agent.get(f"/v1/customers/{customer_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def check(self) -> None:
        """Every customer is what the model says."""
        for customer_id in self.own:
            read = await self.read(customer_id)
            if customer_id in self.erased:
                assert read["status"] == "CUSTOMER_STATUS_ERASED"
                continue
            root = self.root(customer_id)
            assert read["customerId"] == root, self.steps
            assert set(read["tags"]) == set().union(*(self.own[one] for one in self.family(root))), self.steps
        sql = self._world.platform.sql
        orphans = " UNION ALL ".join(ORPHANS.format(table=table) for table in HOLDERS)
        assert await sql("customer", orphans) == []
        loops = "SELECT customer_id FROM customers WHERE status = 2 AND (merged_into IS NULL OR customer_root(customer_id) = customer_id)"
        lost = "SELECT customer_id FROM customers WHERE status = 1 AND merged_into IS NOT NULL"
        assert await sql("customer", f"{loops} UNION ALL {lost}") == []
        open_aliases = await sql(
            "customer", "SELECT from_customer_id, to_customer_id FROM customer_aliases WHERE known_until IS NULL"
        )
        known = {str(row[0]): str(row[1]) for row in open_aliases}
        assert {one: known.get(one) for one in self.into} == self.into, self.steps


def _erasure(request: dict[str, str]) -> Any:
    return personal_data_pb2.ErasePersonalDataRequest(**request)


async def heard(world: World) -> None:
    """Returns when every service knows the aliases that the customer service has, and what follows from them."""
    wanted = [tuple(row) for row in await world.platform.sql("customer", ALIASES)]
    for service in SERVICES[1:]:

        async def same(service: str = service) -> bool:
            return [tuple(row) for row in await world.platform.sql(service, ALIASES)] == wanted

        await until(same, 30, f"{service} knows other aliases")
    await judged(world)
    await rebuild.quiet(world.platform, SERVICES)  # what was judged is told, and heard

    async def taken_over() -> bool:
        return not (await world.platform.sql("campaign", "SELECT count(*) FROM audience_stale"))[0][0]

    await until(taken_over, 30, "what segments ask of people is still to be asked for")


async def judged(world: World) -> None:
    """Returns when nobody waits for a judgement of where they stand, or to be counted: both follow every merge."""

    async def done() -> bool:
        query = (
            "SELECT (SELECT count(*) FROM customer_values WHERE next_time <= clock_timestamp())"
            " + (SELECT count(*) FROM profile_stale)"
        )
        return not (await world.platform.sql("customer", query))[0][0]

    await until(done, 30, "customers wait to be judged")


async def tables(world: World, service: str) -> dict[str, list[str]]:
    """The rows of every table of a service, without what says when and how often they were written."""
    names = (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    )
    drop = "".join(f" - '{column}'" for column in MOVING)
    found = {}
    connection = await asyncpg.connect(world.platform.databases[service])
    try:
        for (name,) in await connection.fetch(names):
            if name not in PASSED:
                rows = await connection.fetch(f"SELECT (to_jsonb(t){drop})::text FROM {name} t ORDER BY 1")  # noqa: S608
                found[name] = [row[0] for row in rows]
    finally:
        await connection.close()
    return found
