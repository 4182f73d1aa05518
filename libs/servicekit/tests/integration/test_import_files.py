"""Files over real gRPC and a real worker: stored, imported by portions, listed, cancelled."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from marque.type.v1 import import_pb2
from servicekit.testing.client import Client, RpcFailure
from servicekit.testing.platform import until

SERVICE = "customer.v1.CustomerImportService"


def parts(content: bytes, **header: Any) -> list[import_pb2.UploadImportRequest]:
    values = {"kind": "customers", "source": "dms", "file_name": "a.csv", **header}
    first = import_pb2.UploadImportRequest(header=import_pb2.ImportFileHeader(**values))
    size = 64 * 1024
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    return [first, *(import_pb2.UploadImportRequest(chunk=piece) for piece in pieces)]


async def send(client: Client, requests: list[import_pb2.UploadImportRequest]) -> Any:
    (answer,) = [item async for item in client.stream(f"{SERVICE}/UploadImport", requests)]
    return answer


async def upload(client: Client, content: bytes, **header: Any) -> Any:
    return await send(client, parts(content, **header))


async def get(client: Client, import_id: str) -> Any:
    return await client.call(f"{SERVICE}/GetImport", import_pb2.GetImportRequest(import_id=import_id))


async def ended(client: Client, import_id: str) -> Any:
    async def look() -> Any:
        found = await get(client, import_id)
        return found if found.HasField("end_time") else None

    return await until(look, 30.0, "the import did not end")


def table(rows: int, name: str = "n") -> bytes:
    return b"source_key,full_name\n" + b"".join(f"k{n},{name}\n".encode() for n in range(1, rows + 1))


@pytest.fixture
def source() -> str:
    return f"s-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def admin(lab: Any) -> AsyncIterator[Client]:
    return lab.client("oem.admin", subject="test:importer")


class TestUpload:
    async def test_a_file_is_imported_in_the_background(self, lab: Any, admin: Client, source: str) -> None:
        content = table(2500) + b"k9,refuses\n,nobody\n"
        taken = await upload(admin, content, source=source)
        assert (taken.state, taken.kind, taken.file_format) == (import_pb2.IMPORT_STATE_QUEUED, "customers", "csv")
        assert taken.file_sha256 == hashlib.sha256(content).hexdigest()
        found = await ended(admin, taken.import_id)
        assert found.state == import_pb2.IMPORT_STATE_SUCCEEDED
        assert (found.summary.rows_read, found.summary.created, found.summary.rejected) == (2502, 2500, 2)
        assert found.rows_total == 2502
        assert [(item.row, item.key, item.errors[0].reason) for item in found.first_errors] == [
            (2501, "k9", "NAME_REFUSED"),
            (2502, "", "REQUIRED"),
        ]
        assert not await lab.sql("SELECT 1 FROM import_chunks WHERE import_id = $1", uuid.UUID(taken.import_id))

    async def test_rows_are_written_in_the_name_of_the_caller(self, lab: Any, source: str) -> None:
        client = lab.client("oem.manager", subject=f"test:{source}")
        taken = await upload(client, table(3), source=source)
        await ended(client, taken.import_id)
        rows = await lab.sql("SELECT count(*) AS n FROM lab_writes WHERE principal = $1", f"test:{source}")
        assert rows[0]["n"] == 3

    async def test_a_retry_gives_the_first_answer(self, lab: Any, admin: Client, source: str) -> None:
        sends = [upload(admin, table(5), source=source, request_id=source) for _ in range(4)]
        answers = await asyncio.gather(*sends)
        assert all(answer == answers[0] for answer in answers)
        with pytest.raises(RpcFailure) as refused:
            await upload(admin, table(6), source=source, request_id=source)
        assert refused.value.reason == "REQUEST_ID_REUSED"
        rows = await lab.sql("SELECT count(*) AS n FROM imports WHERE options->>'source' = $1", source)
        assert rows[0]["n"] == 1

    async def test_a_dry_run_tells_the_outcome_and_writes_nothing(self, lab: Any, admin: Client, source: str) -> None:
        taken = await upload(admin, table(1200) + b"k,refuses\n", source=source, dry_run=True)
        found = await ended(admin, taken.import_id)
        assert (found.dry_run, found.summary.created, found.summary.rejected) == (True, 1200, 1)
        assert not await lab.sql("SELECT 1 FROM lab_customers WHERE source = $1", source)

    async def test_a_row_that_breaks_the_code_does_not_stop_the_file(
        self, lab: Any, admin: Client, source: str
    ) -> None:
        content = table(700) + b"x,breaks\n" + table(700, "m").partition(b"\n")[2]
        found = await ended(admin, (await upload(admin, content, source=source)).import_id)
        assert found.state == import_pb2.IMPORT_STATE_SUCCEEDED
        assert (found.summary.created, found.summary.rejected) == (700, 1)
        assert found.summary.updated + found.summary.unchanged == 700

    async def test_a_row_whose_key_cannot_be_stored_is_told_and_the_file_ends(self, admin: Client, source: str) -> None:
        content = b"source_key,full_name\n\0k,a\nk2,b\n" + b"x" * 600 + b"\0,c\n"
        found = await ended(admin, (await upload(admin, content, source=source)).import_id)
        assert (found.summary.created, found.summary.rejected) == (1, 2)
        assert [(item.row, item.key[:2], item.errors[0].field) for item in found.first_errors] == [
            (1, "\ufffdk", "source_key"),
            (3, "xx", "source_key"),
        ]

    @pytest.mark.parametrize(
        ("content", "name", "reason"),
        [
            (b"", "a.csv", "IMPORT_FILE_EMPTY"),
            ("source_key,full_name\nk1,王\n".encode("utf-16-le"), "a.csv", "IMPORT_ENCODING_UNKNOWN"),
            ("source_key,full_name\nk1,王\n".encode("utf-32-be"), "a.csv", "IMPORT_ENCODING_UNKNOWN"),
            (b"a,b\n1,2\n", "a.csv", "IMPORT_COLUMNS_UNKNOWN"),
            (b"junk", "a.parquet", "IMPORT_FILE_UNREADABLE"),
            (b"junk", "a.xlsx", "IMPORT_FILE_UNREADABLE"),
        ],
    )
    async def test_an_unreadable_file_fails_with_its_reason(
        self, admin: Client, content: bytes, name: str, reason: str
    ) -> None:
        found = await ended(admin, (await upload(admin, content, file_name=name)).import_id)
        assert (found.state, found.failure_reason) == (import_pb2.IMPORT_STATE_FAILED, reason)


class TestRefusedUploads:
    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ({"kind": "boats"}, "IMPORT_KIND_UNKNOWN"),
            ({"file_name": "a.pdf"}, "IMPORT_FORMAT_UNKNOWN"),
            ({"kind": "leads", "mode": import_pb2.IMPORT_MODE_REPLACE}, "IMPORT_MODE_UNKNOWN"),
            ({"column_mapping": {"x": "no_field"}}, "INVALID_ARGUMENT"),
            ({"source": "No Spaces"}, "INVALID_ARGUMENT"),
        ],
    )
    async def test_a_wrong_header_is_refused(self, admin: Client, header: dict[str, Any], reason: str) -> None:
        with pytest.raises(RpcFailure) as refused:
            await upload(admin, b"x", **header)
        assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", reason)

    async def test_bytes_before_the_header_are_refused(self, admin: Client) -> None:
        for requests in (parts(b"x")[1:], []):
            with pytest.raises(RpcFailure) as refused:
                await send(admin, requests)
            assert refused.value.reason == "IMPORT_HEADER_MISSING"

    async def test_a_file_over_the_limit_is_refused_by_name(self, admin: Client) -> None:
        with pytest.raises(RpcFailure) as refused:
            await upload(admin, b"x" * (1024 * 1024 + 1))
        assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "IMPORT_FILE_TOO_LARGE")

    async def test_who_may_upload_but_not_this_kind_is_refused(self, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        from servicekit import roles

        monkeypatch.setitem(roles.PERMISSIONS, "test.uploader", frozenset({"customer.imports.upload"}))
        with pytest.raises(RpcFailure) as refused:
            await upload(lab.client("test.uploader"), b"x")
        assert (refused.value.code, refused.value.metadata["permission"]) == (
            "PERMISSION_DENIED",
            "customer.customers.import",
        )


class TestImports:
    async def test_each_sees_its_own_and_the_maker_all(self, lab: Any, admin: Client, source: str) -> None:
        mine = lab.client("dealer.system", subject=f"test:{source}", dealers=[str(uuid.uuid4())])
        other = lab.client("dealer.system", subject=f"test:other-{source}", dealers=[str(uuid.uuid4())])
        taken = await upload(mine, table(1), source=source)
        assert (await get(admin, taken.import_id)).import_id == taken.import_id
        listed = await mine.call(f"{SERVICE}/ListImports", import_pb2.ListImportsRequest())
        assert [item.import_id for item in listed.imports] == [taken.import_id]
        with pytest.raises(RpcFailure) as refused:
            await get(other, taken.import_id)
        request = import_pb2.ListImportErrorsRequest(import_id=taken.import_id)
        with pytest.raises(RpcFailure) as errors_refused:
            await other.call(f"{SERVICE}/ListImportErrors", request)
        assert refused.value.reason == errors_refused.value.reason == "IMPORT_NOT_FOUND"

    @pytest.mark.parametrize("order", ["", "create_time", "create_time desc"])
    async def test_pages_hold_every_import_once(self, lab: Any, source: str, order: str) -> None:
        client = lab.client("dealer.system", subject=f"test:{source}", dealers=[str(uuid.uuid4())])
        made = [(await upload(client, table(1), source=source)).import_id for _ in range(5)]
        found: list[str] = []
        request = import_pb2.ListImportsRequest(page_size=2, order_by=order, kind="customers")
        while True:
            page = await client.call(f"{SERVICE}/ListImports", request)
            found += [item.import_id for item in page.imports]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert found == (made if order == "create_time" else made[::-1])

    async def test_rejected_rows_are_paged_in_the_order_of_the_file(self, admin: Client, source: str) -> None:
        content = b"source_key,full_name\n" + b"".join(b"k%d,refuses\n" % n for n in range(55))
        found = await ended(admin, (await upload(admin, content, source=source)).import_id)
        assert len(found.first_errors) == 20
        rows: list[int] = []
        request = import_pb2.ListImportErrorsRequest(import_id=found.import_id, page_size=25)
        while True:
            page = await admin.call(f"{SERVICE}/ListImportErrors", request)
            rows += [item.row for item in page.results]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert rows == list(range(1, 56))


class TestCancel:
    async def test_an_ended_import_cannot_be_cancelled(self, admin: Client, source: str) -> None:
        found = await ended(admin, (await upload(admin, table(1), source=source)).import_id)
        with pytest.raises(RpcFailure) as refused:
            await cancel(admin, found.import_id)
        assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "IMPORT_ALREADY_ENDED")

    async def test_an_unknown_import_is_not_found(self, admin: Client) -> None:
        with pytest.raises(RpcFailure) as refused:
            await cancel(admin, str(uuid.uuid4()))
        assert refused.value.reason == "IMPORT_NOT_FOUND"


async def cancel(client: Client, import_id: str, **more: Any) -> Any:
    return await client.call(f"{SERVICE}/CancelImport", import_pb2.CancelImportRequest(import_id=import_id, **more))
