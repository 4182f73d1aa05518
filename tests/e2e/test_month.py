"""A month of traffic on a moved clock: every table and stream stays within what docs/retention.md says, and the audit trail verifies.

The clock of the services and of their databases jumps a day after each day's traffic (`servicekit.testing.clock`); housekeeping, relay,
consumers, due work and the audit chain are the real ones. Ages are set to a week or so, so that the month shows each of them many times.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from google.type import date_pb2
from marque.customer.v1 import customer_pb2, customer_service_pb2
from marque.network.v1 import dealer_pb2, dealer_service_pb2
from marque.type.v1 import audit_pb2, import_pb2, operations_pb2, person_name_pb2, personal_data_pb2
from marque.vehicle.v1 import sale_pb2, sale_service_pb2, vehicle_pb2, vehicle_service_pb2
from servicekit.messaging import envelope
from servicekit.testing import rebuild
from servicekit.testing.clock import Clock
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import new_vin

SERVICES = ("network", "customer", "vehicle")
DAYS = 31
AGES = {
    "idempotency_days": 2, "outbox_days": 3, "dead_letter_days": 4, "stream_max_age_days": 4, "inbox_days": 9, "import_days": 6,
    "audit_days": 8,
}  # fmt: skip
# table → the moment by which a row's age counts, the setting, and days beyond it that it may stay: one until housekeeping comes by
# in this test, and for the audit trail one more, because a segment goes when its last record is old enough.
AGED = {
    "outbox_messages": ("publish_time", "outbox_days", 1),
    "inbox_messages": ("create_time", "inbox_days", 1),
    "dead_letters": ("replay_time", "dead_letter_days", 1),
    "idempotency_keys": ("create_time", "idempotency_days", 1),
    "imports": ("end_time", "import_days", 1),
    "republishes": ("end_time", "import_days", 1),
    "audit_records": ("create_time", "audit_days", 2),
}
FLAT = (*AGED, "import_chunks", "import_errors", "audit_links", "due_work")
RETENTION = Path(__file__).parents[2] / "docs" / "retention.md"
FILE = "source_key,full_name,phone\nk{0},李雷{0},\n,nobody,\n"


def documented() -> dict[str, set[str]]:
    """Heading → the names in its table."""
    found: dict[str, set[str]] = {}
    for line in RETENTION.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            names = found.setdefault(line.removeprefix("## "), set())
        elif match := re.match(r"\| `(\w+)` \| \S", line):
            names.add(match[1])
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clock(platform: Platform) -> AsyncIterator[Clock]:
    """The three services of this test, under a clock of its own."""
    with pytest.MonkeyPatch.context() as patch:
        made = Clock(patch, platform)
        for name in SERVICES:
            await platform.prepare(name, **AGES)
            await made.take(name)
            await platform.start(name, **AGES, audit_segment_seconds=3600)
        yield made
        await platform.stop()


class Month:
    """What happens on a day, and what is left of it."""

    def __init__(self, platform: Platform, clock: Clock, volume: int) -> None:
        self.platform = platform
        self.clock = clock
        self.volume = volume
        self.dealer = ""

    async def call(self, service: str, method: str, request: Any, role: str = "oem.admin") -> Any:
        client = self.platform.client(
            service, role, **({"dealers": [self.dealer]} if role.startswith("dealer") else {})
        )
        try:
            return await client.call(f"{service}.v1.{method}", request, timeout=60)
        finally:
            await client.close()

    async def begin(self) -> None:
        dealer = dealer_pb2.Dealer(
            code="MONTH-1", names={"en": "Month"}, kinds=[dealer_pb2.DEALER_KIND_SALES], time_zone="Asia/Shanghai"
        )
        made = await self.call(
            "network", "DealerService/CreateDealer", dealer_service_pb2.CreateDealerRequest(dealer=dealer)
        )
        self.dealer = made.dealer_id

        async def known() -> Any:
            return await self.platform.sql("vehicle", "SELECT 1 FROM known_dealers")

        await until(known, 30, "the dealer is not known")

    async def day(self, number: int) -> None:
        """One day: people, cars, sales, files, a letter that nobody could read, a state said again, somebody erased."""
        await asyncio.gather(*(self._trade(f"{number}-{turn}") for turn in range(self.volume)))
        await self._file(number)
        await self._letter()
        if number % 3 == 0:
            await self.call("network", "NetworkOperationsService/Republish", operations_pb2.RepublishRequest())
        await self._quiet()
        for name in SERVICES:  # as after an operator's replay, which for these can never succeed
            await self.platform.sql(name, "UPDATE dead_letters SET replay_time = now() WHERE replay_time IS NULL")

    async def _trade(self, mark: str) -> None:
        person = customer_pb2.Customer(
            kind=customer_pb2.CUSTOMER_KIND_PERSON, name=person_name_pb2.PersonName(full_name=f"王{mark}")
        )
        request = customer_service_pb2.CreateCustomerRequest(customer=person, request_id=f"c-{mark}")
        buyer = await self.call("customer", "CustomerService/CreateCustomer", request)
        await self.call(
            "customer",
            "CustomerService/GetCustomer",
            customer_service_pb2.GetCustomerRequest(customer_id=buyer.customer_id),
        )
        vin = new_vin()
        car = vehicle_pb2.Vehicle(vin=vin, make="Marque", model="One", model_year=2025)
        await self.call(
            "vehicle", "VehicleService/RegisterVehicle",
            vehicle_service_pb2.RegisterVehicleRequest(vehicle=car, request_id=f"v-{mark}"),
        )  # fmt: skip
        sale = sale_pb2.Sale(
            dealer_id=self.dealer, vin=vin, buyer_customer_id=buyer.customer_id, invoice_number=f"M-{mark}",
            invoice_date=date_pb2.Date(year=2026, month=11, day=2), use=vehicle_pb2.VEHICLE_USE_PRIVATE,
        )  # fmt: skip
        await self.call(
            "vehicle", "SaleService/RecordSale", sale_service_pb2.RecordSaleRequest(sale=sale, request_id=f"s-{mark}")
        )
        await self.call(
            "network", "DealerService/UpdateDealer",
            dealer_service_pb2.UpdateDealerRequest(
                dealer=dealer_pb2.Dealer(dealer_id=self.dealer, phone=f"+86138{uuid.uuid4().int % 10**8:08d}"),
                update_mask={"paths": ["phone"]}, request_id=f"d-{mark}",
            ),
        )  # fmt: skip
        if mark.endswith("-0"):
            gone = personal_data_pb2.ErasePersonalDataRequest(
                customer_id=str(uuid.uuid4()), erasure_id=str(uuid.uuid4())
            )
            await self.call("vehicle", "VehiclePersonalDataService/ErasePersonalData", gone, "service")

    async def _file(self, number: int) -> None:
        client = self.platform.client("customer", "oem.admin")
        header = import_pb2.ImportFileHeader(kind="customers", source="month", file_name=f"{number}.csv")
        content = "".join(
            FILE.format(f"{number}-{row}") if row == 0 else f"k{number}-{row},韩梅梅,\n" for row in range(self.volume)
        )
        requests = [
            import_pb2.UploadImportRequest(header=header),
            import_pb2.UploadImportRequest(chunk=content.encode()[:65000]),
        ]
        async for _ in client.stream("customer.v1.CustomerImportService/UploadImport", requests):
            pass
        await client.close()

    async def _letter(self) -> None:
        """An event that no consumer can read is parked."""
        name = "marque.vehicle.v1.SaleRecorded"
        event_id = str(uuid.uuid4())
        head = envelope.headers(
            event_id=event_id, event_type=name, key="k", version=1, time=self.clock.now(), traceparent=None
        )
        broker = await nats.connect(self.platform.nats.url)
        await broker.jetstream().publish(name, b"\xff\xff", headers=head)
        await broker.close()

        async def parked() -> Any:
            return await self.platform.sql(
                "customer", "SELECT 1 FROM dead_letters WHERE event_id = $1", uuid.UUID(event_id)
            )

        await until(parked, 60, "the letter was not parked")

    async def _quiet(self) -> None:
        """Until everything of the day is done: events heard, files read, snapshots said, the trail chained."""
        waits = """SELECT (SELECT count(*) FROM outbox_messages WHERE publish_time IS NULL)
            + (SELECT count(*) FROM imports WHERE end_time IS NULL) + (SELECT count(*) FROM republishes WHERE end_time IS NULL)
            + (SELECT count(*) FROM audit_records WHERE audit_id NOT IN (SELECT audit_id FROM audit_links)) AS n"""

        async def done() -> bool:
            found = [await self.platform.sql(name, waits) for name in SERVICES]
            return all(rows[0]["n"] == 0 for rows in found)

        await until(done, 120, "the day does not come to its end")

    async def night(self) -> None:
        """The next day comes, and housekeeping in it; autovacuum, which comes by the minute, is stood in for."""
        await self.clock.move(timedelta(days=1))

        async def kept() -> bool:
            query = "SELECT min(due_time) > now() AS later FROM due_work WHERE kind = 'housekeeping' AND attempts = 0"
            return all([(await self.platform.sql(name, query))[0]["later"] for name in SERVICES])

        await until(kept, 60, "housekeeping does not come")
        for name in SERVICES:
            await self.platform.sql(name, "VACUUM")

    async def counts(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(service, table) → rows, bytes with indexes."""
        found = {}
        for name in SERVICES:
            for table in FLAT:
                query = f"SELECT (SELECT count(*) FROM {table}) AS n, pg_total_relation_size('{table}') AS size"
                (row,) = await self.platform.sql(name, query)
                found[name, table] = row["n"], row["size"]
        return found


class TestMonth:
    @pytest.mark.soak
    @pytest.mark.slow
    @pytest.mark.timeout(1800)
    async def test_every_table_stays_within_its_bound(self, platform: Platform, clock: Clock, soaking: bool) -> None:
        month = Month(platform, clock, 60 if soaking else 2)
        await month.begin()
        middle: dict[tuple[str, str], tuple[int, int]] = {}
        for number in range(1, DAYS + 1):
            await month.day(number)
            await month.night()
            if number == DAYS // 2:
                middle = await month.counts()
        end = await month.counts()

        assert await too_old(platform) == []
        grown = {
            key: (middle[key], rows_and_bytes)
            for key, rows_and_bytes in end.items()
            if rows_and_bytes[0] > middle[key][0] * 1.3 + 5 or rows_and_bytes[1] > middle[key][1] * 1.5 + 65536
        }
        assert grown == {}
        for name in SERVICES:
            service = f"{name.capitalize()}OperationsService/VerifyAuditTrail"
            told = await month.call(name, service, audit_pb2.VerifyAuditTrailRequest(), "ops")
            assert told.intact, told
            # A day's segment may close on the next day, with that day's records: there are at most as many as days.
            assert told.dropped_segments > 0
            assert told.segments - told.dropped_segments <= AGES["audit_days"] + 2, "old segments stay"

    async def test_an_edited_record_is_found_after_the_month(self, platform: Platform, clock: Clock) -> None:
        (row,) = await platform.sql(
            "customer",
            "UPDATE audit_records SET principal = 'nobody' WHERE audit_id ="
            " (SELECT audit_id FROM audit_links ORDER BY position LIMIT 1) RETURNING audit_id",
        )
        month = Month(platform, clock, 1)
        told = await month.call(
            "customer", "CustomerOperationsService/VerifyAuditTrail", audit_pb2.VerifyAuditTrailRequest(), "ops"
        )
        assert [fault.audit_id for fault in told.faults] == [str(row["audit_id"])]


async def too_old(platform: Platform) -> list[str]:
    """What is still there past its age."""
    found = []
    for name in SERVICES:
        for table, (moment, setting, more) in AGED.items():
            (row,) = await platform.sql(
                name, f"SELECT extract(epoch FROM now() - min({moment})) / 86400 AS days FROM {table}"
            )
            if row["days"] is not None and row["days"] > AGES[setting] + more + 0.1:
                found.append(f"{name}.{table}: {row['days']:.1f} days")
    return found


class TestRetentionPage:
    async def test_every_table_is_on_the_page_and_no_other(self, platform: Platform, clock: Clock) -> None:
        page, wrong = documented(), []
        for name in SERVICES:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            there = {row["tablename"] for row in await platform.sql(name, query)}
            listed = page["In every service's database"] | page.get(name, set())
            wrong += [f"{name}: {table} is not on docs/retention.md" for table in sorted(there - listed)]
            wrong += [f"{name}: {table} is on docs/retention.md and nowhere else" for table in sorted(listed - there)]
        assert wrong == []

    async def test_every_stream_is_on_the_page_and_bounded(self, platform: Platform, clock: Clock) -> None:
        broker = await nats.connect(platform.nats.url)
        streams = {info.config.name: info.config for info in await broker.jetstream().streams_info()}
        durable = [
            consumer.config.durable_name
            for name in streams
            for consumer in await broker.jetstream().consumers_info(name)
        ]
        await broker.close()

        assert documented()["Streams"] == {envelope.stream(name) for name in rebuild.services()}
        assert set(streams) <= documented()["Streams"]
        assert {envelope.stream(name) for name in SERVICES} <= set(streams)
        assert {str(getattr(config.discard, "value", config.discard)) for config in streams.values()} == {"new"}
        assert all(config.max_age for config in streams.values())
        assert all(durable), "a consumer that is not durable was left behind"

    def test_ages_are_those_of_the_page(self) -> None:
        page = RETENTION.read_text(encoding="utf-8")
        told = {name.lower(): int(days) for name, days in re.findall(r"`([A-Z_]+_DAYS)` \((\d+)\)", page)}
        kinds = [importlib.import_module(f"marque_{name}.settings").Settings for name in SERVICES]
        every = {name: field.default for kind in kinds for name, field in kind.model_fields.items()}
        assert told == {name: age for name, age in every.items() if name.endswith("_days") and "notice" not in name}
