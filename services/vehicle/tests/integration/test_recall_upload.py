"""A recall's list as one file: the service is killed in the middle of it, goes on, and a second upload changes nothing."""

from __future__ import annotations

import time
import uuid
from typing import Any

import psutil
import pytest
from marque.type.v1 import import_pb2
from servicekit.testing.platform import Platform, until
from tradekit import vin as vins

IMPORTS = "vehicle.v1.VehicleImportService"
pytestmark = pytest.mark.slow
SHORT, WHOLE = 3_000, 1_000_000


def content_of(code: str, count: int) -> bytes:
    rows = []
    for number in range(count):
        bare = f"LSVAA41R02{number:07d}"
        rows.append(f"{code},{bare[:8]}{vins.check_digit(bare)}{bare[9:]}\n")
    return ("recall_code,vin\n" + "".join(rows)).encode()


async def upload(client: Any, content: bytes) -> str:
    header = import_pb2.ImportFileHeader(kind="recall-vehicles", source="maker", file_name="list.csv")
    pieces = [content[start : start + 65_536] for start in range(0, len(content), 65_536)]
    requests = [import_pb2.UploadImportRequest(header=header)]
    requests += [import_pb2.UploadImportRequest(chunk=piece) for piece in pieces]
    (taken,) = [item async for item in client.stream(f"{IMPORTS}/UploadImport", requests, timeout=120)]
    return str(taken.import_id)


class TestUpload:
    async def test_killed_in_the_middle_it_goes_on_and_a_second_one_changes_nothing(
        self, platform: Platform, make_garage: Any, soaking: bool
    ) -> None:
        count = WHOLE if soaking else SHORT
        settings = await platform.prepare("vehicle")
        process = await platform.spawn_again("vehicle", settings)
        garage = make_garage(platform)
        recall = await garage.ask("RecallService/CreateRecall", recall={"code": "26V001", "title": "Brakes"})
        content = content_of("26V001", count)

        async def row(import_id: str) -> Any:
            found = await garage.sql("SELECT * FROM imports WHERE import_id = $1", uuid.UUID(import_id))
            return found[0]

        async def ended(import_id: str) -> Any:
            async def over() -> bool:
                return (await row(import_id))["end_time"] is not None

            await until(over, 1200 if soaking else 90, "the import did not end")
            return await row(import_id)

        first = await upload(garage.manager, content)

        async def begun() -> bool:
            return bool((await row(first))["next_row"] >= 1000)

        await until(begun, 60, "the import did not begin")
        process.kill()
        process.wait()
        process = await platform.spawn_again("vehicle", settings)
        found = await ended(first)
        assert (found["state"], found["created"], found["rejected"]) == ("SUCCEEDED", count, 0)
        again = await ended(await upload(garage.manager, content))
        assert (again["created"], again["unchanged"]) == (0, count)

        garage = make_garage(platform)
        began = time.perf_counter()
        await garage.ask("RecallService/OpenRecall", recall_id=recall.recall_id)
        seconds = time.perf_counter() - began
        (scope,) = (await garage.ask("RecallService/GetRecall", recall_id=recall.recall_id)).scopes
        assert (scope.vehicle_count, scope.added_count) == (count, count)

        async def told() -> bool:
            rows = await garage.sql(
                "SELECT count(*) AS n, count(DISTINCT aggregate_id) AS cars FROM outbox_messages "
                "WHERE event_type = 'marque.vehicle.v1.VehicleRecalled'"
            )
            assert rows[0]["n"] == rows[0]["cars"], "a car was told of twice"
            return bool(rows[0]["n"] == count)

        await until(told, 1200 if soaking else 90, "the cars were not told of")
        cpu = psutil.Process(process.pid).cpu_times()
        print(
            f"{count} VINs: opened in {seconds:.2f} s; since the kill the service took {cpu.user + cpu.system:.1f} CPU-s"
        )
        assert list(await garage.events("RecallOpened", recall.recall_id))
