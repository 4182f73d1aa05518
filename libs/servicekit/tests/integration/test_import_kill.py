"""A worker is killed between and inside its portions: the import goes on exactly where the last commit was."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from marque.type.v1 import import_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "customer.v1.CustomerImportService"
ROWS = 9_000


@pytest.fixture(scope="module")
async def lab_served(lab_made: Any) -> Any:
    """The laboratory answers RPCs here and leaves the background work to processes."""
    await lab_made.start(work=False)
    return lab_made


async def uploaded(lab: Any, source: str, name: str = "n") -> uuid.UUID:
    content = b"source_key,full_name\n" + b"".join(
        f"k{n:05},{'refuses' if n % 1000 == 7 else name}\n".encode() for n in range(1, ROWS + 1)
    )
    header = import_pb2.ImportFileHeader(kind="customers", source=source, file_name="a.csv")
    pieces = [content[start : start + 65536] for start in range(0, len(content), 65536)]
    requests = [import_pb2.UploadImportRequest(header=header)]
    requests += [import_pb2.UploadImportRequest(chunk=piece) for piece in pieces]
    client = lab.client("oem.admin", subject=f"test:{source}")
    (taken,) = [item async for item in client.stream(f"{SERVICE}/UploadImport", requests)]
    return uuid.UUID(taken.import_id)


async def replacing(lab: Any, source: str) -> uuid.UUID:
    """A file that keeps every twentieth of a thousand customers of a source."""
    await lab.sql(
        "INSERT INTO lab_customers SELECT gen_random_uuid(), $1, 'k' || to_char(n, 'FM0000'), 'n', 1 FROM generate_series(1, 1000) AS n",
        source,
    )
    content = b"source_key,full_name\n" + b"".join(b"k%04d,n\n" % n for n in range(20, 1001, 20))
    header = import_pb2.ImportFileHeader(
        kind="customers", source=source, file_name="a.csv", mode=import_pb2.IMPORT_MODE_REPLACE
    )
    requests = [import_pb2.UploadImportRequest(header=header), import_pb2.UploadImportRequest(chunk=content)]
    client = lab.client("oem.admin", subject=f"test:{source}")
    (taken,) = [item async for item in client.stream(f"{SERVICE}/UploadImport", requests)]
    return uuid.UUID(taken.import_id)


async def row_of(lab: Any, import_id: uuid.UUID) -> Any:
    return (await lab.sql("SELECT * FROM imports WHERE import_id = $1", import_id))[0]


async def reached(lab: Any, import_id: uuid.UUID, row: int) -> None:
    async def look() -> bool:
        return bool((await row_of(lab, import_id))["next_row"] >= row)

    await until(look, 30.0, f"the import did not reach row {row}")


@pytest.mark.slow
class TestKill:
    async def test_killed_workers_lose_nothing_and_double_nothing(self, lab_served: Any) -> None:
        lab = lab_served
        import_id = await uploaded(lab, "killed")
        for row in (1000, 3000, 5000):
            worker = await lab.worker(pause=0.1)
            await reached(lab, import_id, row)
            worker.kill()
            worker.wait()
        assert (await row_of(lab, import_id))["state"] == "RUNNING"
        worker = await lab.worker(pause=0.0)
        await reached(lab, import_id, ROWS)

        async def done() -> bool:
            return (await row_of(lab, import_id))["end_time"] is not None

        await until(done, 30.0, "the import did not end")
        worker.kill()
        found = await row_of(lab, import_id)
        assert (found["state"], found["created"], found["rejected"]) == ("SUCCEEDED", ROWS - 9, 9)
        writes = await lab.sql("SELECT source_key, count(*) AS n FROM lab_writes GROUP BY 1 HAVING count(*) <> 1")
        assert writes == []
        assert (await lab.sql("SELECT count(*) AS n FROM lab_writes"))[0]["n"] == ROWS - 9
        errors = await lab.sql("SELECT row_number FROM import_errors WHERE import_id = $1 ORDER BY 1", import_id)
        assert [row["row_number"] for row in errors] == [n for n in range(1, ROWS + 1) if n % 1000 == 7]

    async def test_what_a_file_does_not_name_goes_once_whoever_is_killed_and_not_when_it_is_cancelled(
        self, lab_served: Any
    ) -> None:
        lab = lab_served
        called_off, import_id = await replacing(lab, "called-off"), await replacing(lab, "replaced")
        admin = lab.client("oem.admin")
        cancel = [import_pb2.CancelImportRequest(import_id=str(one)) for one in (called_off, import_id)]
        await admin.call(f"{SERVICE}/CancelImport", cancel[0])
        worker = await lab.worker(pause=0.1)

        async def begun() -> bool:
            return json.loads((await row_of(lab, import_id))["options"]).get("removed", 0) >= 200

        await until(begun, 30.0, "nothing is removed")
        with pytest.raises(RpcFailure) as refused:
            await admin.call(f"{SERVICE}/CancelImport", cancel[1])
        worker.kill()
        worker.wait()
        assert refused.value.reason == "IMPORT_FINISHING"
        left = "SELECT source, count(*) AS n FROM lab_customers WHERE source IN ('called-off', 'replaced') GROUP BY 1"
        assert 50 < {row["source"]: row["n"] for row in await lab.sql(left)}["replaced"] <= 800 + 50
        worker = await lab.worker(pause=0.0)

        async def done() -> bool:
            return (await row_of(lab, import_id))["end_time"] is not None

        await until(done, 30.0, "the import did not end")
        worker.kill()
        found = await admin.call(f"{SERVICE}/GetImport", import_pb2.GetImportRequest(import_id=str(import_id)))
        assert (found.state, found.removed_count) == (import_pb2.IMPORT_STATE_SUCCEEDED, 950)
        assert {row["source"]: row["n"] for row in await lab.sql(left)} == {"called-off": 1000, "replaced": 50}
        removed = await lab.sql("SELECT count(*) AS n, count(DISTINCT source_key) AS keys FROM lab_removals")
        assert dict(removed[0]) == {"n": 950, "keys": 950}

    async def test_a_cancelled_import_stops_where_it_is(self, lab_served: Any) -> None:
        lab = lab_served
        import_id = await uploaded(lab, "cancelled")
        worker = await lab.worker(pause=0.2)
        await reached(lab, import_id, 1000)
        client = lab.client("oem.admin", subject="test:other")
        request = import_pb2.CancelImportRequest(import_id=str(import_id), request_id="c1")
        first = await client.call(f"{SERVICE}/CancelImport", request)
        assert first.state == import_pb2.IMPORT_STATE_CANCELLED
        assert await client.call(f"{SERVICE}/CancelImport", request) == first

        async def given_up() -> bool:
            return not await lab.sql("SELECT 1 FROM due_work WHERE kind = 'import' AND key = $1", str(import_id))

        await until(given_up, 20.0, "the worker did not give up")
        worker.kill()
        found = await row_of(lab, import_id)
        written = (await lab.sql("SELECT count(*) AS n FROM lab_customers WHERE source = 'cancelled'"))[0]["n"]
        assert found["next_row"] < ROWS
        assert written == found["created"]
        assert not await lab.sql("SELECT 1 FROM import_chunks WHERE import_id = $1", import_id)

    async def test_two_workers_share_one_import_without_doubling(self, lab_served: Any) -> None:
        lab = lab_served
        await lab.sql("TRUNCATE lab_writes")
        import_id = await uploaded(lab, "shared")
        workers = await asyncio.gather(lab.worker(pause=0.05), lab.worker(pause=0.05))
        await reached(lab, import_id, ROWS)
        for worker in workers:
            worker.kill()
        doubled = await lab.sql("SELECT source_key FROM lab_writes GROUP BY 1 HAVING count(*) <> 1")
        assert doubled == []
        assert (await row_of(lab, import_id))["created"] == ROWS - 9
