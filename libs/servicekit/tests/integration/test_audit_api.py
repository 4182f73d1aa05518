"""The audit trail over real gRPC: listed by who may know, verified by who keeps the machines."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from marque.type.v1 import audit_pb2 as pb
from servicekit.audit.keys import AuditKeys
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "customer.v1.CustomerOperationsService"
INSERT = """
INSERT INTO audit_records (audit_id, create_time, principal, roles, method, action, resource_type, resource_id, resource_ids)
VALUES (gen_random_uuid(), $1::timestamptz, $2, 'ops,oem.admin', '/m', 'read', 'customer', $3, $4)"""


async def call(lab: Any, method: str, request: Any, role: str) -> Any:
    return await lab.client(role, subject=f"test:{role}").call(f"{SERVICE}/{method}", request)


async def listed(lab: Any, **filters: Any) -> list[pb.AuditRecord]:
    request, found = pb.ListAuditRecordsRequest(page_size=2, **filters), []
    while True:
        page = await call(lab, "ListAuditRecords", request, "oem.admin")
        found += page.audit_records
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


@pytest.fixture
def one() -> str:
    return str(uuid.uuid4())


async def write(lab: Any, principal: str, *records: tuple[int, str, list[str]]) -> None:
    for second, alone, among in records:
        moment = Timestamp(seconds=1_700_000_000 + second).ToDatetime()
        await lab.sql(
            INSERT.replace("$1::", f"'{moment}+00'::").replace("$2", "$1").replace("$3", "$2").replace("$4", "$3"),
            principal,
            alone,
            among,
        )


class TestListing:
    async def test_of_a_principal_newest_first_and_in_pages(self, lab: Any, one: str) -> None:
        await write(lab, one, *((second, "c", []) for second in range(5)))
        found = await listed(lab, principal=one)
        assert [row.create_time.seconds - 1_700_000_000 for row in found] == [4, 3, 2, 1, 0]
        assert (found[0].resource_ids, found[0].roles) == (["c"], ["ops", "oem.admin"])

    async def test_of_a_resource_alone_and_among_others(self, lab: Any, one: str) -> None:
        await write(lab, "p", (1, one, []), (2, "", ["other", one]), (3, "other", []), (4, one, []))
        found = await listed(lab, resource_type="customer", resource_id=one)
        assert [row.create_time.seconds - 1_700_000_000 for row in found] == [4, 2, 1]
        assert list(found[1].resource_ids) == ["other", one]

    async def test_within_a_span_of_time(self, lab: Any, one: str) -> None:
        await write(lab, one, *((second, "c", []) for second in range(6)))
        span = {"start_time": Timestamp(seconds=1_700_000_002), "end_time": Timestamp(seconds=1_700_000_004)}
        found = await listed(lab, principal=one, **span)
        assert [row.create_time.seconds - 1_700_000_000 for row in found] == [3, 2]

    async def test_that_somebody_looked_is_recorded(self, lab: Any, one: str) -> None:
        await write(lab, one, (1, "c", []))
        await listed(lab, principal=one)
        query = "SELECT principal FROM audit_records WHERE resource_type = 'audit_trail' AND resource_id = $1"

        async def noted() -> Any:
            return await lab.sql(query, one)

        assert [row["principal"] for row in await until(noted, 10, "the look was not noted")] == ["test:oem.admin"]

    @pytest.mark.parametrize(
        "filters",
        [
            {},
            {"resource_type": "customer"},
            {"resource_id": "1"},
            {"principal": "p", "resource_type": "customer", "resource_id": "1"},
        ],
    )
    async def test_one_question_at_a_time(self, lab: Any, filters: dict[str, str]) -> None:
        with pytest.raises(RpcFailure) as failed:
            await listed(lab, **filters)
        assert failed.value.fields == {"principal": "AUDIT_FILTER"}

    async def test_operations_may_verify_but_not_see_who_looked_at_whom(self, lab: Any) -> None:
        with pytest.raises(RpcFailure) as failed:
            await call(lab, "ListAuditRecords", pb.ListAuditRecordsRequest(principal="p"), "ops")
        assert failed.value.code == "PERMISSION_DENIED"
        await call(lab, "VerifyAuditTrail", pb.VerifyAuditTrailRequest(), "ops")


class TestVerifying:
    async def test_an_edited_record_is_named_and_the_witness_holds(self, lab: Any, one: str) -> None:
        await write(lab, one, (1, "c", []), (2, "c", []))

        async def quiet() -> Any:
            answer = await call(lab, "VerifyAuditTrail", pb.VerifyAuditTrailRequest(), "ops")
            return answer if not answer.waiting_records and answer.records else None

        whole = await until(quiet, 30, "the trail is not chained")
        (row,) = await lab.sql(
            "UPDATE audit_records SET action = 'nothing' WHERE audit_id = (SELECT audit_id FROM audit_records"
            " WHERE principal = $1 LIMIT 1) RETURNING audit_id", one,
        )  # fmt: skip
        broken = await call(lab, "VerifyAuditTrail", pb.VerifyAuditTrailRequest(), "ops")
        await lab.sql("UPDATE audit_records SET action = 'read' WHERE audit_id = $1", row["audit_id"])

        assert whole.intact
        assert not broken.intact
        assert [(fault.kind, fault.audit_id) for fault in broken.faults] == [
            (pb.AUDIT_FAULT_KIND_RECORD_ALTERED, str(row["audit_id"]))
        ]

    async def test_an_anchor_that_was_never_there_contradicts_the_trail(self, lab: Any) -> None:
        request = pb.VerifyAuditTrailRequest(known_segment=9, known_anchor=b"x" * 32)
        answer = await call(lab, "VerifyAuditTrail", request, "ops")
        assert [fault.kind for fault in answer.faults] == [pb.AUDIT_FAULT_KIND_WITNESS_CONTRADICTED]

    async def test_half_a_witness_is_refused(self, lab: Any) -> None:
        with pytest.raises(RpcFailure) as failed:
            await call(lab, "VerifyAuditTrail", pb.VerifyAuditTrailRequest(known_segment=9), "ops")
        assert failed.value.fields == {"known_anchor": "WITNESS_INCOMPLETE"}

    async def test_without_keys_it_says_so(self, lab: Any) -> None:
        kit = lab.running._kit
        kit.audit_keys, kept = AuditKeys(), kit.audit_keys
        try:
            with pytest.raises(RpcFailure) as failed:
                await call(lab, "VerifyAuditTrail", pb.VerifyAuditTrailRequest(), "ops")
        finally:
            kit.audit_keys = kept
        assert failed.value.reason == "AUDIT_KEYS_MISSING"
