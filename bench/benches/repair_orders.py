"""Import of repair orders by the ImportRepairOrders stream: lines for each CPU second of service, database and broker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marque.vehicle.v1 import repair_order_import_rows_pb2, vehicle_import_service_pb2

from bench import data, fleet
from bench.cpu import Meter
from bench.report import Figure, Target
from bench.world import ROLE, World, superuser

_SERVING = ("vehicle", "postgres", "nats")
_LINES, _CHUNK, _CARS = 3, 1000, 20_000
ORDERS = (10_000, 50_000)  # quick, full


def row(number: int) -> repair_order_import_rows_pb2.RepairOrderImportRow:
    """Returns a closed order of three lines: a service, brakes on warranty (one car in three), and tyres."""
    month, day = number // 27 % 12 + 1, number % 27 + 1
    found = repair_order_import_rows_pb2.RepairOrderImportRow(
        row=number + 1, dealer_code=data.dealer_code(number), number=f"RO{number:09d}", vin=fleet.vin(number % _CARS),
        open_time=f"2025-{month:02d}-{day:02d}T09:10:00", close_time=f"2025-{month:02d}-{day:02d}T16:40:00",
        adviser_employee_number=f"A{number % 50}", odometer_in_km=41_000 + number % 9000, odometer_out_km=41_004 + number % 9000,
        fault_description="squeals when braking", currency_code="CNY",
    )  # fmt: skip
    found.lines.add(complaint="service", operation_codes="OP-100;OP-110", labour_minutes=70, labour_amount="320.00",
        part_numbers="PN-OIL*4.5;PN-FILTER", parts_amount="410.50", technician_employee_number=f"T{number % 80}")  # fmt: skip
    found.lines.add(complaint="brakes squeal", cause="pads worn", correction="pads replaced", component_code="SERVICE BRAKES",
        pay_type="" if number % 3 else "warranty", operation_codes="OP-700", labour_minutes=45, labour_amount="210",
        part_numbers="PN-PADS", parts_amount="588.00", causal_part_number="PN-PADS")  # fmt: skip
    found.lines.add(
        complaint="tyres", correction="rotated", operation_codes="OP-900", labour_minutes=20, labour_amount="60"
    )
    return found


def messages(first: int, count: int) -> Iterator[vehicle_import_service_pb2.ImportRepairOrdersRequest]:
    """Yields the messages of an import stream, a thousand orders each."""
    for begin in range(first, first + count, _CHUNK):
        numbers = range(begin, min(begin + _CHUNK, first + count))
        message = vehicle_import_service_pb2.ImportRepairOrdersRequest(rows=[row(number) for number in numbers])
        if begin == first:
            message.header.source = data.SOURCE
        yield message


async def repair_orders(world: World) -> list[Figure]:
    """Orders of cars that are known, all new, then the same again; events, looks at the cars and audit included."""
    orders = ORDERS[0] if world.quick else ORDERS[1]
    connection = await superuser(world, "vehicle")
    try:
        await fleet.fill(connection, _CARS)
    finally:
        await connection.close()
    client = world.platform.client("vehicle", ROLE)
    await _import(client, 0, 2000)
    await world.settled(_SERVING)
    with Meter(world.roots(*_SERVING)) as used:
        await _import(client, 10_000, orders)
        await world.settled(_SERVING, limit=1200)
    with Meter(world.roots(*_SERVING)) as again:
        await _import(client, 10_000, orders)
        await world.settled(_SERVING)
    lines = orders * _LINES
    parts = ", ".join(f"{name} {value / lines * 1e6:,.1f}" for name, value in used.spent.items())
    note = f"{orders:,} orders of {_LINES} lines; {parts} µs of CPU a line; outbox, relay, looks and audit included"
    return [
        Figure(
            "repair-orders",
            "lines, all new",
            lines / used.total,
            "lines/CPU-s",
            target=Target("ours", "at least", 15_000),
            note=note,
        ),
        Figure("repair-orders", "the same again: nothing changes", lines / again.total, "lines/CPU-s"),
    ]


async def _import(client: Any, first: int, count: int) -> None:
    last: Any = None
    stream = client.stream("vehicle.v1.VehicleImportService/ImportRepairOrders", messages(first, count), timeout=3600)
    async for answer in stream:
        last = answer
        if answer.rejected:
            raise RuntimeError(f"orders were rejected: {answer.rejected[0]}")
    if last is None or last.summary.rows_read != count:
        raise RuntimeError("the import ended early")
