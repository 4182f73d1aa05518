"""Known dealers and scope: the newest state wins, and a caller reaches the dealers of the token, its group and its region."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from marque.network.v1.dealer_events_pb2 import DealerChanged, DealerSnapshot
from servicekit import dealers
from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.tables import known_dealers
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.envelope import Event
from servicekit.rpc.call import Call
from servicekit.rpc.principal import Principal

NAMES = ("plain", "in-group", "in-region", "in-both")
IDS = {name: uuid.uuid4() for name in NAMES}


async def tell(database: Database, dealer: uuid.UUID, version: int, kind: Any = DealerChanged, **fields: Any) -> None:
    event = Event(
        uuid.uuid4(), kind.DESCRIPTOR.full_name, str(dealer), version, now(), kind(dealer_id=str(dealer), **fields)
    )
    async with (uow := UnitOfWork(database, Call(Principal("s"), "/m"))):
        await dealers.handlers()[event.type](uow, event)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _network(database: Database) -> None:
    for name, dealer in IDS.items():
        group = "g1" if name in ("in-group", "in-both") else ""
        region = "r1" if name in ("in-region", "in-both") else ""
        await tell(database, dealer, 1, code=name, group_code=group, region_code=region)


async def reached(database: Database, caller: Principal) -> set[str]:
    query = sa.select(known_dealers.c.code).where(
        dealers.in_scope(caller, known_dealers.c.dealer_id), known_dealers.c.dealer_id.in_(list(IDS.values()))
    )
    async with database.session() as session:
        return set(await session.scalars(query))


def principal(*roles: str, own: Iterable[str] = (), **scope: Any) -> Principal:
    return Principal("s", roles=frozenset(roles), dealers=frozenset(own), **scope)


class TestKnowing:
    async def test_what_is_older_than_known_changes_nothing(self, database: Database) -> None:
        dealer, code = uuid.uuid4(), uuid.uuid4().hex
        await tell(database, dealer, 5, code=code)
        for kind in (DealerChanged, DealerSnapshot):
            for version in (4, 5):
                await tell(database, dealer, version, kind, code="old")
        async with database.session() as session:
            assert await dealers.by_code(session, [code, "unknown", "old"]) == {code: dealer}

    @pytest.mark.parametrize("kind", [DealerChanged, DealerSnapshot], ids=lambda kind: kind.DESCRIPTOR.name)
    async def test_what_is_newer_replaces_the_whole_state(self, database: Database, kind: Any) -> None:
        dealer, code = uuid.uuid4(), uuid.uuid4().hex
        await tell(database, dealer, 1, code="x", group_code="g9", region_code="r9", time_zone="UTC")
        await tell(database, dealer, 2, kind, code=code, time_zone="Asia/Shanghai")
        query = "SELECT code, group_code, region_code, time_zone, version FROM known_dealers WHERE dealer_id = $1"
        row = await database.reader.fetchrow(query, dealer)
        assert row is not None
        assert tuple(row) == (code, "", "", "Asia/Shanghai", 2)


class TestScope:
    @pytest.mark.parametrize(
        ("caller", "wanted"),
        [
            (principal("dealer.sales", own=[str(IDS["plain"])]), {"plain"}),
            (principal("dealer.sales", own=[str(IDS["plain"]).upper(), str(uuid.uuid4())]), {"plain"}),
            (principal("dealer.manager", dealer_group="g1"), {"in-group", "in-both"}),
            (principal("dealer.manager", own=[str(IDS["plain"])], dealer_group="g1"), {"plain", "in-group", "in-both"}),
            (principal("oem.region", region="r1"), {"in-region", "in-both"}),
            (principal("oem.region", region="r2"), set()),
            (principal("oem.region"), set()),
            (principal("oem.agent", region="r1"), set()),
            (principal("partner", dealer_group="g1"), set()),
            (principal("dealer.sales", own=["no-uuid", "", "' OR true --"]), set()),
            (principal("dealer.sales", dealer_group="' OR true --"), set()),
            (principal("dealer.sales"), set()),
            (principal(), set()),
        ],
        ids=lambda value: "+".join(sorted(value.roles)) if isinstance(value, Principal) else None,
    )
    async def test_a_caller_reaches_its_own_dealers_and_no_other(
        self, database: Database, caller: Principal, wanted: set[str]
    ) -> None:
        assert await reached(database, caller) == wanted
