"""Rows by stream over real gRPC: each judged, applied by chunks, answered after the commit."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from marque.customer.v1.customer_import_service_pb2 import CustomerImportRow, ImportCustomersRequest
from marque.type.v1.import_pb2 import ImportStreamHeader
from servicekit.testing.client import RpcFailure

METHOD = "customer.v1.CustomerImportService/ImportCustomers"


def part(rows: Any, source: str = "", dry_run: bool = False) -> ImportCustomersRequest:
    message = ImportCustomersRequest(
        rows=[CustomerImportRow(row=number, source_key=key, full_name=name) for number, key, name in rows]
    )
    if source:
        message.header.CopyFrom(ImportStreamHeader(source=source, dry_run=dry_run))
    return message


async def send(lab: Any, *parts: ImportCustomersRequest, role: str = "oem.admin") -> list[Any]:
    return [answer async for answer in lab.client(role).stream(METHOD, list(parts))]


async def names(lab: Any, source: str) -> dict[str, str]:
    rows = await lab.sql("SELECT source_key, full_name FROM lab_customers WHERE source = $1", source)
    return {row["source_key"]: row["full_name"] for row in rows}


@pytest.fixture
def source() -> str:
    return f"s-{uuid.uuid4().hex[:12]}"


class TestImportRows:
    async def test_every_message_is_answered_after_its_rows_are_committed(self, lab: Any, source: str) -> None:
        answers = await send(lab, part([(1, "a", "A"), (2, "b", "B")], source), part([(3, "a", "A"), (4, "b", "C")]))
        assert [answer.last_row for answer in answers] == [2, 4]
        assert answers[0].summary.created == 2
        summary = answers[1].summary
        assert (summary.rows_read, summary.created, summary.updated, summary.unchanged) == (4, 2, 1, 1)
        assert await names(lab, source) == {"a": "A", "b": "C"}

    async def test_a_faulty_row_is_answered_and_the_rest_is_applied(self, lab: Any, source: str) -> None:
        rows = [(7, "", "nobody"), (8, "k", "x" * 300), (9, "nul", "a\0b"), (10, "r", "refuses"), (11, "good", "G")]
        (answer,) = await send(lab, part(rows, source))
        found = [(item.row, item.key, [(e.field, e.reason) for e in item.errors]) for item in answer.rejected]
        assert found == [
            (7, "", [("source_key", "REQUIRED")]),
            (8, "k", [("full_name", "STRING_MAX_LEN")]),
            (9, "nul", [("full_name", "CHARACTER_NUL")]),
            (10, "r", [("full_name", "NAME_REFUSED")]),
        ]
        assert (answer.summary.rejected, answer.summary.created, answer.last_row) == (4, 1, 11)
        assert await names(lab, source) == {"good": "G"}

    async def test_a_row_that_breaks_the_code_stands_alone(self, lab: Any, source: str) -> None:
        rows = [(number, f"k{number}", "breaks" if number in (3, 8) else "fine") for number in range(1, 11)]
        (answer,) = await send(lab, part(rows, source))
        assert [(item.row, item.errors[0].reason) for item in answer.rejected] == [
            (3, "ROW_NOT_APPLIED"),
            (8, "ROW_NOT_APPLIED"),
        ]
        assert answer.summary.created == 8
        assert len(await names(lab, source)) == 8

    async def test_a_dry_run_writes_nothing_and_tells_the_same(self, lab: Any, source: str) -> None:
        tried = await send(lab, part([(1, "a", "A"), (2, "", "x")], source, dry_run=True))
        assert await names(lab, source) == {}
        done = await send(lab, part([(1, "a", "A"), (2, "", "x")], source))
        assert tried == done

    async def test_rows_without_numbers_are_counted(self, lab: Any, source: str) -> None:
        answers = await send(lab, part([(0, "a", "A"), (0, "", "B")], source), part([(0, "c", "C")]))
        assert [answer.last_row for answer in answers] == [2, 3]
        assert answers[0].rejected[0].row == 2

    async def test_the_same_stream_again_changes_nothing(self, lab: Any, source: str) -> None:
        rows = [(number, f"k{number}", "n") for number in range(1, 1001)]
        await send(lab, part(rows, source))
        (again,) = await send(lab, part(rows, source))
        assert again.summary.unchanged == 1000

    async def test_a_stream_without_a_header_is_refused(self, lab: Any, source: str) -> None:
        for parts in ([part([(1, "a", "A")])], []):
            with pytest.raises(RpcFailure) as refused:
                await send(lab, *parts)
            assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "IMPORT_HEADER_MISSING")

    async def test_a_second_header_is_refused_and_what_was_answered_stays(self, lab: Any, source: str) -> None:
        with pytest.raises(RpcFailure) as refused:
            await send(lab, part([(1, "a", "A")], source), part([(2, "b", "B")], source))
        assert refused.value.reason == "IMPORT_HEADER_REPEATED"
        assert await names(lab, source) == {"a": "A"}

    async def test_more_rows_than_a_message_may_hold_are_refused(self, lab: Any, source: str) -> None:
        with pytest.raises(RpcFailure) as refused:
            await send(lab, part([(1, "a", "A")] * 1001, source))
        assert refused.value.fields == {"rows": "REPEATED_MAX_ITEMS"}

    async def test_who_may_not_import_is_refused(self, lab: Any, source: str) -> None:
        with pytest.raises(RpcFailure) as refused:
            await send(lab, part([(1, "a", "A")], source), role="owner")
        assert refused.value.code == "PERMISSION_DENIED"
