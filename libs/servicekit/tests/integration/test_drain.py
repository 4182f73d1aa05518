"""The end of a process: what is under way finishes, what runs in loops ends, though the broker is away."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import uuid
from typing import Any

import pytest
from marque.customer.v1 import customer_import_service_pb2 as pb
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

METHOD = "customer.v1.CustomerImportService/ImportCustomers"


def part(key: str) -> Any:
    return pb.ImportCustomersRequest(header={"source": "drain"}, rows=[{"row": 1, "source_key": key, "full_name": "A"}])


async def send(lab: Any, key: str) -> list[Any]:
    return [answer async for answer in lab.client("oem.admin").stream(METHOD, [part(key)])]


async def ended(process: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(process.wait, 30)


class TestSigterm:
    async def test_a_call_under_way_finishes_and_no_new_one_begins(self, lab_made: Any) -> None:
        process = await lab_made.process("serve", 1.5)
        key = uuid.uuid4().hex
        call = asyncio.create_task(send(lab_made, key))
        busy = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
        await until(lambda: lab_made.sql(busy), 20, "the call did not begin")

        process.send_signal(signal.SIGTERM)

        (answer,) = await call
        assert answer.summary.created == 1
        assert await ended(process) == 0
        assert len(await lab_made.sql("SELECT 1 FROM lab_customers WHERE source_key = $1", key)) == 1
        with pytest.raises(RpcFailure) as refused:
            await send(lab_made, uuid.uuid4().hex)
        assert refused.value.code == "UNAVAILABLE"

    async def test_a_process_of_loops_ends_cleanly(self, lab_made: Any) -> None:
        process = await lab_made.process("work", 0)
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0

    async def test_it_ends_cleanly_though_the_broker_is_away(self, lab_made: Any) -> None:
        process = await lab_made.process("work", 0)
        await asyncio.to_thread(lab_made.platform.nats.halt)
        try:
            process.send_signal(signal.SIGTERM)
            assert await ended(process) == 0
        finally:
            await asyncio.to_thread(lab_made.platform.nats.start)
