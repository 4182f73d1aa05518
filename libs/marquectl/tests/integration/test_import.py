from __future__ import annotations

import asyncio
import csv
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from marquectl.addresses import Addresses
from marquectl.contract import KINDS
from marquectl.door import Door, DoorError
from marquectl.errors import UsageError
from marquectl.exporting import export_rows
from marquectl.importing import Counts, ImportJob
from servicekit.testing.platform import Platform, until


async def first_of(event: asyncio.Event, task: asyncio.Task[Any]) -> None:
    """Waits for the event, and not for ever where the task ends before it."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait([waiting, task], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        task.result()


async def stored(platform: Platform, prefix: str) -> int:
    rows = await platform.sql(
        "customer", "SELECT count(*) AS n FROM source_references WHERE source_key LIKE $1", f"{prefix}-%"
    )
    return rows[0]["n"]


class TestImportCustomers:
    async def test_a_chinese_file_is_created_once_and_then_unchanged(
        self, door: Door, services: Platform, customers_csv: Callable[..., Path]
    ) -> None:
        path = customers_csv(0, 2_300, prefix="GB", encoding="gb18030")
        first = await ImportJob(door, "customers", path, source="test").run()
        again = await ImportJob(door, "customers", path, source="test").run()
        assert first.counts["customers"] == Counts(created=2_300)
        assert again.counts["customers"] == Counts(unchanged=2_300)
        assert not first.errors.exists()
        assert [found.name for found in path.parent.glob("*.resume")] == []
        assert await stored(services, "GB") == 2_300

    async def test_bad_rows_are_reported_and_the_others_written(
        self, door: Door, services: Platform, tmp_path: Path
    ) -> None:
        path = tmp_path / "mixed.csv"
        rows = ["BAD-1,Ann,US,+13135550101", "BAD-2,,US,", "BAD-3,Bob,US,12", "BAD-4,Eve,US,,surplus", "BAD-5,Dan,US,"]
        path.write_text("source_key,full_name,country_code,phone\n" + "\n".join(rows) + "\n", encoding="utf-8")
        outcome = await ImportJob(door, "customers", path, source="test").run()
        assert outcome.counts["customers"] == Counts(created=2, rejected=3)
        with outcome.errors.open(encoding="utf-8-sig", newline="") as file:
            faults = list(csv.DictReader(file))
        assert sorted({int(fault["row"]) for fault in faults}) == [2, 3, 4]
        assert {fault["kind"] for fault in faults} == {"customers"}
        assert all(fault["reason"] and "Bob" not in fault["message"] for fault in faults)
        assert await stored(services, "BAD") == 2

    async def test_a_dry_run_writes_nothing(
        self, door: Door, services: Platform, customers_csv: Callable[..., Path]
    ) -> None:
        outcome = await ImportJob(
            door, "customers", customers_csv(0, 50, prefix="DRY"), source="test", dry_run=True
        ).run()
        assert outcome.counts["customers"].created == 50
        assert await stored(services, "DRY") == 0

    async def test_an_interrupted_import_goes_on_after_the_last_acknowledged_row(
        self, door: Door, services: Platform, customers_csv: Callable[..., Path]
    ) -> None:
        path = customers_csv(0, 6_500, prefix="INT")
        reached = asyncio.Event()
        job = ImportJob(door, "customers", path, source="test", watch=lambda kind, done, counts: reached.set())
        task = asyncio.create_task(job.run())
        await first_of(reached, task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        seen: list[int] = []
        second = ImportJob(
            door, "customers", path, source="test", watch=lambda kind, done, counts: seen.append(counts.read)
        )
        outcome = await second.run()
        assert seen[0] > 1_000, "it began again"
        assert outcome.counts["customers"].read == 6_500
        assert outcome.rejected == 0
        assert await stored(services, "INT") == 6_500

    async def test_a_role_that_may_not_import_is_told_so(
        self, services: Platform, addresses: Addresses, customers_csv: Callable[..., Path]
    ) -> None:
        from marquectl.door import Caller

        async with Door(addresses, Caller(roles="oem.agent"), peers=services.peers) as door:
            with pytest.raises(DoorError) as caught:
                await ImportJob(door, "customers", customers_csv(0, 3), source="test").run()
        assert caught.value.code == "PERMISSION_DENIED"

    async def test_a_file_needs_a_source(self, door: Door, customers_csv: Callable[..., Path]) -> None:
        with pytest.raises(UsageError, match="--source"):
            ImportJob(door, "customers", customers_csv(0, 1))


class TestImportSeveralKinds:
    async def test_customers_wait_until_their_dealers_are_known(
        self, door: Door, services: Platform, tmp_path: Path
    ) -> None:
        mapping = {
            "source": "two-kinds",
            "kinds": {
                "dealers": {
                    "once": True,
                    "constants": {"kinds": "sales", "time_zone": "America/Chicago", "status": "active"},
                    "compose": {"code": "{Shop|code}", "names.en": "{Shop}"},
                },
                "customers": {
                    "columns": {"Name": "full_name", "No": "source_key"},
                    "compose": {"dealer_code": "{Shop|code}"},
                },
            },
        }
        (tmp_path / "map.yaml").write_text(yaml.safe_dump(mapping), encoding="utf-8")
        lines = [f"TWO-{number},Ann {number},Shop {number % 7}" for number in range(300)]
        path = tmp_path / "both.csv"
        path.write_text("No,Name,Shop\n" + "\n".join(lines) + "\n", encoding="utf-8")
        for expected in ("created", "unchanged"):
            outcome = await ImportJob(door, "customers", path, mapping=tmp_path / "map.yaml").run()
            assert outcome.counts["dealers"] == Counts(**{expected: 7})
            assert outcome.counts["customers"] == Counts(**{expected: 300})


class TestExport:
    @pytest.mark.parametrize("ending", ["csv", "jsonl"])
    async def test_every_dealer_is_in_the_file(self, door: Door, tmp_path: Path, ending: str) -> None:
        source = tmp_path / "dealers.jsonl"
        source.write_text(
            '{"code": "EXP-1", "names": {"en": "One", "zh-CN": "一号"}, "kinds": ["sales", "service"],'
            ' "time_zone": "Asia/Shanghai", "status": "active"}\n',
            encoding="utf-8",
        )
        await ImportJob(door, "dealers", source, source="test").run()
        out = tmp_path / f"out.{ending}"
        written = await export_rows(door, KINDS["dealers"], out)
        text = out.read_text(encoding="utf-8")
        assert written == len(text.splitlines()) - (ending == "csv")
        assert "EXP-1" in text
        assert "一号" in text
        assert sorted(found.name for found in tmp_path.iterdir() if found.is_file()) == ["dealers.jsonl", out.name]


class TestKilledService:
    async def test_a_killed_service_costs_no_row(
        self, platform: Platform, addresses: Addresses, customers_csv: Callable[..., Path]
    ) -> None:
        settings = await platform.prepare("customer")
        process = await platform.spawn_again("customer", settings)
        reached = asyncio.Event()

        def watch(kind: str, done: float, counts: Counts) -> None:
            if counts.read >= 2_000:
                reached.set()

        async with Door(addresses, peers=dict(platform.peers)) as door:
            path = customers_csv(0, 12_000, prefix="KILL", name="killed.csv")
            task = asyncio.create_task(ImportJob(door, "customers", path, source="test", watch=watch).run())
            await first_of(reached, task)
            process.kill()
            process.wait()
            assert not task.done()
            await platform.spawn_again("customer", settings)
            outcome = await task
        assert outcome.counts["customers"].read == 12_000
        assert outcome.rejected == 0
        assert await stored(platform, "KILL") == 12_000


class TestCommand:
    async def test_the_exit_status_tells_whether_rows_were_rejected(
        self, services: Platform, command: Callable[..., tuple[list[str], dict[str, str]]], tmp_path: Path
    ) -> None:
        argv, environment = command("customer")
        good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
        good.write_text("source_key,full_name\nCMD-1,Ann\n", encoding="utf-8")
        bad.write_text("source_key,full_name\nCMD-2,Ann\n,Bob\n", encoding="utf-8")
        for path, status, told in (
            (good, 0, "1 created"),
            (bad, 3, "bad.csv.errors.csv"),
            (tmp_path / "no.csv", 2, "No such"),
        ):
            process = await asyncio.create_subprocess_exec(
                *argv, "import", "customers", str(path), "--source", "test",
                env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            output, _ = await process.communicate()
            assert process.returncode == status, output.decode()
            assert told in output.decode().replace("\n", " ")

    async def test_ctrl_c_leaves_a_place_to_go_on_from(
        self,
        services: Platform,
        command: Callable[..., tuple[list[str], dict[str, str]]],
        customers_csv: Callable[..., Path],
    ) -> None:
        argv, environment = command("customer")
        path = customers_csv(0, 30_000, prefix="SIG", name="long.csv")
        line = [*argv, "import", "customers", str(path), "--source", "test"]
        process = await asyncio.create_subprocess_exec(
            *line, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )

        async def begun() -> bool:
            return bool(list(path.parent.glob("*.resume")))

        await until(begun, 20, "the import does not begin")
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
        assert process.returncode == 130, output.decode()
        assert list(path.parent.glob("*.resume"))
        again = await asyncio.create_subprocess_exec(
            *line, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await again.communicate()
        assert again.returncode == 0, output.decode()
        assert "30000 rows" in output.decode()
        assert await stored(services, "SIG") == 30_000
