"""Files and malware: what carries it is not taken, what nobody looked into is not given, and nothing is taken while nobody can look."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf import json_format
from marque.complaint.v1 import case_attachment_service_pb2 as messages
from servicekit import contract
from servicekit.testing.clamd import EICAR, Clamd
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until

FILES, CASES = "complaint.v1.CaseAttachmentService", "complaint.v1.CaseService"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def daemon(platform: Platform) -> AsyncIterator[Clamd]:
    """A scanner, and a complaint service that asks it."""
    async with Clamd() as started:
        await platform.start("complaint", scanner_address=started.address)
        yield started


async def call(platform: Platform, service: str, rpc: str, **request: Any) -> Any:
    method = contract.methods(f"marque.{service}")[rpc]
    client = platform.client("complaint", "oem.manager")
    return await client.call(f"{service}/{rpc}", json_format.ParseDict(request, method.input()))


async def upload(platform: Platform, case_id: str, content: bytes) -> Any:
    header = {"case_id": case_id, "file_name": "noise.txt"}
    sent = [messages.UploadCaseAttachmentRequest(header=header), messages.UploadCaseAttachmentRequest(chunk=content)]  # type: ignore[arg-type]
    client = platform.client("complaint", "oem.manager")
    found = [made async for made in client.stream(f"{FILES}/UploadCaseAttachment", sent)]
    return found[0]


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return str(failure.value.reason)


async def read(platform: Platform, attachment_id: str) -> Any:
    return await call(platform, FILES, "ReadCaseAttachment", attachment_id=attachment_id)


class TestScans:
    async def test_malware_is_not_taken_and_without_the_scanner_nothing_is(
        self, platform: Platform, daemon: Clamd
    ) -> None:
        case = await call(platform, CASES, "CreateCase", case={"kind": 1}, description=uuid.uuid4().hex)
        clean = await upload(platform, case.case_id, b"It squeals.")
        assert (await read(platform, clean.attachment_id)).content == b"It squeals."
        assert await refused(upload(platform, case.case_id, EICAR)) == "ATTACHMENT_MALWARE"
        daemon.answer = b"stream: Can't allocate memory ERROR\0"
        assert await refused(upload(platform, case.case_id, b"More.")) == "DEPENDENCY_UNAVAILABLE"
        daemon.answer = None
        kept = [one.attachment_id for one in (await call(platform, CASES, "GetCase", case_id=case.case_id)).attachments]
        assert kept == [clean.attachment_id]

    async def test_what_came_while_nobody_looked_is_looked_into_and_taken_away_where_it_is_bad(
        self, platform: Platform, daemon: Clamd
    ) -> None:
        case = await call(platform, CASES, "CreateCase", case={"kind": 1}, description=uuid.uuid4().hex)
        daemon.answer = b"stream: OK\0"  # as if it came before anybody looked
        bad, good = await upload(platform, case.case_id, b"x" + EICAR), await upload(platform, case.case_id, b"Fine.")
        daemon.answer = b"stream: busy ERROR\0"
        await platform.sql("complaint", "UPDATE case_attachments SET scan_time = NULL WHERE case_id = $1", case.case_id)
        assert await refused(read(platform, good.attachment_id)) == "ATTACHMENT_UNSCANNED"
        daemon.answer = None

        async def looked() -> bool:
            query = "SELECT 1 FROM case_attachments WHERE case_id = $1 AND scan_time IS NULL"
            return not await platform.sql("complaint", query, case.case_id)

        await until(looked, 30, "nobody looked")
        assert (await read(platform, good.attachment_id)).content == b"Fine."
        assert await refused(read(platform, bad.attachment_id)) == "ATTACHMENT_NOT_FOUND"
        entries = await platform.sql(
            "complaint", "SELECT reason FROM case_entries WHERE case_id = $1 AND action = 'DETACHED'", case.case_id
        )
        assert [row["reason"] for row in entries] == ["MALWARE"]
