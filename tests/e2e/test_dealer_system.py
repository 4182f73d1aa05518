"""A dealer system at the gateway's gRPC address, with a third party's client that learns the contracts by reflection."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from servicekit.testing.world import World

BUF = Path(sys.executable).with_name("buf")


async def curl(world: World, method: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
    """Calls a method with `buf curl`; returns its exit code and what it printed."""
    address = f"http://{world.platform.peers['gateway']}/marque.{method}"
    process = await asyncio.create_subprocess_exec(
        BUF, "curl", "--http2-prior-knowledge", "--protocol", "grpc", "-d", json.dumps(body),
        "-H", f"authorization: Bearer {token}", address,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    printed = (out or err).decode()
    return process.returncode, json.loads(printed) if printed.startswith("{") else {"message": printed}


class TestDealerSystem:
    async def test_it_writes_and_reads_by_reflection(self, world: World) -> None:
        dealer = await world.dealer()
        token = world.platform.token("dealer.system", dealers=[dealer])
        customer = {"kind": "CUSTOMER_KIND_PERSON", "name": {"full_name": "李雷"}}

        code, made = await curl(
            world, "customer.v1.CustomerService/CreateCustomer", {"customer": customer, "dealer_id": dealer}, token
        )
        assert code == 0, made
        code, read = await curl(
            world, "customer.v1.CustomerService/GetCustomer", {"customer_id": made["customerId"]}, token
        )

        assert code == 0, read
        assert read["name"]["fullName"] == "李雷"

    async def test_what_is_hidden_stays_hidden(self, world: World) -> None:
        own, other = await world.dealer(), await world.dealer()
        stranger = world.platform.token("dealer.system", dealers=[other])
        customer = await world.customer()

        code, hidden = await curl(world, "customer.v1.CustomerService/GetCustomer", {"customer_id": customer}, stranger)
        missing_code, missing = await curl(
            world, "customer.v1.CustomerService/GetCustomer", {"customer_id": str(uuid.uuid4())}, stranger
        )

        assert (code, hidden["code"]) == (missing_code, missing["code"])
        assert hidden["code"] == "not_found"
        assert own != other

    async def test_internal_methods_are_not_there(self, world: World) -> None:
        token = world.platform.token("service", subject="customer")

        method = "customer.v1.CustomerService/BatchGetCustomers"
        code, answer = await curl(world, method, {"customer_ids": [str(uuid.uuid4())]}, token)

        assert code != 0
        assert "contains no such method" in answer["message"], (
            answer
        )  # reflection does not know it; test_doors asks past reflection

    async def test_another_stations_visits_are_seen_without_prices_and_persons(self, world: World) -> None:
        station, reader = await world.dealer(), await world.dealer()
        vin = await world.vehicle()
        workshop = world.platform.token("dealer.service", dealers=[station])
        line = {
            "line_number": 1,
            "complaint": "Brakes squeal",
            "cause": "Pads worn",
            "correction": "Pads replaced",
            "component_code": "SERVICE BRAKES",
            "pay_type": "PAY_TYPE_CUSTOMER",
            "labours": [{"operation_code": "BR-1", "minutes": 60, "amount": {"currency_code": "CNY", "units": 480}}],
        }
        order = {"dealer_id": station, "vin": vin, "number": "RO-1", "odometer_in_km": 12_000, "lines": [line]}
        code, made = await curl(
            world, "vehicle.v1.RepairOrderService/OpenRepairOrder", {"repair_order": order}, workshop
        )
        assert code == 0, made

        code, history = await curl(
            world,
            "vehicle.v1.VehicleService/GetVehicleHistory",
            {"vin": vin},
            world.platform.token("dealer.system", dealers=[reader]),
        )

        assert code == 0, history
        visits = [entry["repair"] for entry in history["entries"] if "repair" in entry]
        assert [(visit["number"], visit["lines"][0]["componentCode"]) for visit in visits] == [
            ("RO-1", "SERVICE BRAKES")
        ]
        assert not {"amount", "units", "customerId", "totals", "technicianStaffId"} & keys(history)


def keys(document: Any) -> set[str]:
    """Every key of a JSON document, at any depth."""
    if isinstance(document, dict):
        return set(document) | {key for value in document.values() for key in keys(value)}
    if isinstance(document, list):
        return {key for value in document for key in keys(value)}
    return set()
