"""A leaver's hand-over: the processes that do it are killed in its middle, and it misses nothing."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from devstack.ports import free_port
from google.protobuf.message import Message
from marque.network.v1 import (
    dealer_pb2,
    dealer_service_pb2,
    hand_over_pb2,
    hand_over_service_pb2,
    staff_pb2,
    staff_service_pb2,
)
from marque.type.v1 import person_name_pb2
from servicekit.settings import ServiceSettings
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until

pytestmark = pytest.mark.slow

SERVICES = ("network", "customer", "vehicle", "complaint", "survey", "campaign")
ORDERS = 1200
TRANSIENT = ("UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED")
_CAR = """
INSERT INTO vehicles (vin, version, create_time, update_time, make, model, status)
VALUES ('11111111111111111', 1, now(), now(), 'Marque', 'One', 2) ON CONFLICT DO NOTHING"""
_ORDERS = """
INSERT INTO repair_orders (repair_order_id, version, create_time, update_time, dealer_id, number, vin, state, stage, stage_history,
    open_time, adviser_staff_id, close_time)
SELECT gen_random_uuid(), 1, now(), now(), $1, 'HO-' || $4 || '-' || n, '11111111111111111', $3, 1, '[]', now(), $2,
    CASE WHEN $3 = 2 THEN now() END
FROM generate_series(1, $5) AS n"""


class World:
    """The services, each in a process of its own."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.settings: dict[str, ServiceSettings] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self) -> None:
        ports = {name: free_port() for name in SERVICES}
        peers = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        for name in SERVICES:
            self.settings[name] = await self.platform.prepare(name, grpc_port=ports[name], peers=peers)
            self.processes[name] = await self.platform.spawn_again(name, self.settings[name])

    async def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait()
        self.processes[name] = await self.platform.spawn_again(name, self.settings[name])

    async def call(self, method: str, request: Message, role: str = "oem.manager", **scope: Any) -> Any:
        while True:
            client = self.platform.client("network", role, **scope)
            try:
                return await client.call(f"network.v1.{method}", request, timeout=10)
            except RpcFailure as failure:
                if failure.code not in TRANSIENT:
                    raise
                await asyncio.sleep(0.1)
            finally:
                await client.close()

    async def dealer(self) -> str:
        dealer = dealer_pb2.Dealer(
            code=f"HO-{uuid.uuid4().hex[:8].upper()}",
            names={"en": "Hand over"},
            kinds=[dealer_pb2.DEALER_KIND_SERVICE],
            time_zone="Asia/Shanghai",
        )
        made = await self.call("DealerService/CreateDealer", dealer_service_pb2.CreateDealerRequest(dealer=dealer))
        return str(made.dealer_id)

    async def person(self, dealer_id: str, **fields: Any) -> str:
        given = staff_pb2.StaffMember(
            dealer_id=dealer_id,
            employee_number=uuid.uuid4().hex[:10],
            name=person_name_pb2.PersonName(full_name="李伟"),
            roles=["dealer.service"],
            **fields,
        )
        made = await self.call("StaffService/CreateStaff", staff_service_pb2.CreateStaffRequest(staff=given))
        return str(made.staff_id)

    async def orders(self, dealer_id: str, adviser: str, state: int, mark: str, count: int) -> None:
        await self.platform.sql("vehicle", _CAR)
        given = (uuid.UUID(dealer_id), uuid.UUID(adviser), state, mark, count)
        await self.platform.sql("vehicle", _ORDERS, *given)

    async def moved(self, adviser: str) -> int:
        """How many rows are still the adviser's."""
        query = "SELECT count(*) AS n FROM repair_orders WHERE adviser_staff_id = $1 AND state = 1"
        return int((await self.platform.sql("vehicle", query, uuid.UUID(adviser)))[0]["n"])

    async def report(self, hand_over_id: str) -> list[Any]:
        found, token = [], ""
        while True:
            page = await self.call(
                "HandOverService/ListHandOverItems",
                hand_over_service_pb2.ListHandOverItemsRequest(
                    hand_over_id=hand_over_id, page_size=1000, page_token=token
                ),
            )
            found += page.items
            token = page.next_page_token
            if not token:
                return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(platform: Platform) -> AsyncIterator[World]:
    made = World(platform)
    await made.start()
    yield made


async def done(world: World, hand_over_id: str) -> Any:
    async def ended() -> Any:
        request = hand_over_service_pb2.GetHandOverRequest(hand_over_id=hand_over_id)
        found = await world.call("HandOverService/GetHandOver", request)
        return found if found.state == hand_over_pb2.HAND_OVER_STATE_DONE else None

    return await until(ended, 120, "the hand-over does not end")


class TestHandOver:
    async def test_killed_in_the_middle_it_goes_on_and_misses_nothing(self, world: World) -> None:
        dealer_id = await world.dealer()
        leaver = await world.person(dealer_id)
        heirs = [await world.person(dealer_id) for _ in range(2)]
        led = await world.person(dealer_id, manager_staff_id=leaver)
        await world.orders(dealer_id, leaver, 1, "open", ORDERS)
        await world.orders(dealer_id, leaver, 2, "closed", 5)

        request = hand_over_service_pb2.LeaveStaffRequest(
            staff_id=leaver, successor_staff_ids=heirs, request_id=uuid.uuid4().hex
        )
        begun = await world.call("HandOverService/LeaveStaff", request)
        middles = []
        for victim, left in (("network", ORDERS), ("vehicle", ORDERS * 2 // 3), ("network", ORDERS // 3)):

            async def past(left: int = left) -> bool:
                return await world.moved(leaver) < left

            await until(past, 120, "nothing is handed over")
            middles.append(await world.moved(leaver))
            await world.kill(victim)
        late = await world.moved(leaver)
        ended = await done(world, begun.hand_over_id)

        assert any(0 < left < ORDERS for left in (*middles, late)), "it was not killed in the middle"
        rows = await world.platform.sql(
            "vehicle", "SELECT repair_order_id, adviser_staff_id FROM repair_orders WHERE state = 1 AND dealer_id = $1",
            uuid.UUID(dealer_id),
        )  # fmt: skip
        assert len(rows) == ORDERS
        owned = {str(row["repair_order_id"]): str(row["adviser_staff_id"]) for row in rows}
        assert set(owned.values()) == set(heirs)
        counts = Counter(owned.values())
        assert abs(counts[heirs[0]] - counts[heirs[1]]) <= 1
        report = await world.report(begun.hand_over_id)
        told = [(one.key, one.to_staff_id) for one in report if one.kind == "vehicle.repair_order"]
        assert len(told) == ORDERS
        assert dict(told) == owned
        assert [(one.key, one.to_staff_id in heirs) for one in report if one.kind == "network.staff"] == [(led, True)]
        assert {step.service: step.handed_count for step in ended.steps} == {
            "campaign": 0,
            "complaint": 0,
            "customer": 0,
            "network": 1,
            "survey": 0,
            "vehicle": ORDERS,
        }
        kept = await world.platform.sql(
            "vehicle", "SELECT count(*) AS n FROM repair_orders WHERE state = 2 AND adviser_staff_id = $1",
            uuid.UUID(leaver),
        )  # fmt: skip
        assert kept[0]["n"] == 5

    async def test_without_anybody_to_take_it_the_report_says_so(self, world: World) -> None:
        dealer_id = await world.dealer()
        leaver = await world.person(dealer_id)
        await world.orders(dealer_id, leaver, 1, "nobody", 3)
        begun = await world.call("HandOverService/LeaveStaff", hand_over_service_pb2.LeaveStaffRequest(staff_id=leaver))
        ended = await done(world, begun.hand_over_id)
        report = await world.report(begun.hand_over_id)

        assert {one.reason for one in report} == {"NO_SUCCESSOR"}
        assert {step.service: step.refused_count for step in ended.steps}["vehicle"] == 3
        assert await world.moved(leaver) == 0

    async def test_what_is_written_late_in_the_leavers_name_goes_over_too(self, world: World) -> None:
        dealer_id = await world.dealer()
        leaver, heir = await world.person(dealer_id), await world.person(dealer_id)
        request = hand_over_service_pb2.LeaveStaffRequest(staff_id=leaver, successor_staff_ids=[heir])
        begun = await world.call("HandOverService/LeaveStaff", request)
        await asyncio.sleep(1.0)
        await world.orders(dealer_id, leaver, 1, "late", 2)
        await done(world, begun.hand_over_id)

        assert await world.moved(leaver) == 0
