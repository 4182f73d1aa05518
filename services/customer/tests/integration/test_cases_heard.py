"""What customers hear of complaints: contacts held while one is open, and the time line."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from google.protobuf import json_format
from servicekit import contract
from servicekit.testing.platform import Platform, until

CASES = "complaint.v1.CaseService"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def both(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("customer")
    await platform.start("complaint", peers={"customer": platform.peers["customer"]})
    yield platform


async def call(platform: Platform, rpc: str, **request: Any) -> Any:
    method = contract.methods(f"marque.{CASES}")[rpc]
    return await platform.client("complaint", "oem.manager").call(
        f"{CASES}/{rpc}", json_format.ParseDict(request, method.input())
    )


async def customer(platform: Platform) -> str:
    method = contract.methods("marque.customer.v1.CustomerService")["CreateCustomer"]
    request = json_format.ParseDict({"customer": {"kind": 1, "name": {"full_name": "王伟"}}}, method.input())
    made = await platform.client("customer", "oem.agent").call("customer.v1.CustomerService/CreateCustomer", request)
    return str(made.customer_id)


async def holds(platform: Platform, case_id: str, whose: str, is_open: bool) -> bool:
    rows = await platform.sql(
        "customer", "SELECT customer_id, open FROM contact_holds WHERE reference_id = $1", case_id
    )
    return [(str(row["customer_id"]), row["open"]) for row in rows] == [(whose, is_open)]


async def line(platform: Platform, case_id: str) -> list[str]:
    query = "SELECT subject_key FROM interactions WHERE reference_id = $1 ORDER BY create_time, interaction_id"
    return [row["subject_key"] for row in await platform.sql("customer", query, case_id)]


class TestAnOpenComplaint:
    async def test_it_holds_contacts_until_it_is_closed_and_stands_on_the_time_line(self, both: Platform) -> None:
        person = await customer(both)
        case = await call(both, "CreateCase", case={"kind": 2, "customer_id": person}, description="How late?")
        assert case.customer_id == person
        await until(lambda: holds(both, case.case_id, person, True), 10, "contacts are not held")

        one = {"case_id": case.case_id}
        staff = str(uuid.uuid4())
        await both.sql(
            "complaint",
            "INSERT INTO known_staff (subject_key, staff_id, status, roles, region_code, group_code, version, change_time)"
            " VALUES ('k', $1, 1, '{oem.agent}', '', '', 1, now())",
            staff,
        )
        await call(both, "AcknowledgeCase", **one)
        await call(both, "AssessCase", **one, severity=1)
        await call(both, "AssignCase", **one, staff_id=staff)
        await call(both, "ResolveCase", **one, resolution="At nine.")
        await call(both, "CloseCase", **one)
        await until(lambda: holds(both, case.case_id, person, False), 10, "contacts are not free again")
        await call(both, "ReopenCase", **one, reason="NOT_DONE")
        await until(lambda: holds(both, case.case_id, person, True), 10, "contacts are not held again")

        assert await line(both, case.case_id) == ["case.received", "case.closed", "case.reopened"]

    async def test_a_case_that_is_tied_to_somebody_later_holds_theirs_and_no_longer_anybodys_when_it_is_untied(
        self, both: Platform
    ) -> None:
        first, second = await customer(both), await customer(both)
        case = await call(
            both, "CreateCase", case={"kind": 1, "customer_id": str(uuid.uuid4())}, description="It squeals."
        )
        assert case.customer_id == ""
        for whose in (first, second):
            await call(
                both, "UpdateCase", case={"case_id": case.case_id, "customer_id": whose}, update_mask="customerId"
            )
            await until(lambda whose=whose: holds(both, case.case_id, whose, True), 10, "the hold did not move")
        await call(both, "UpdateCase", case={"case_id": case.case_id}, update_mask="customerId")
        await until(lambda: holds(both, case.case_id, second, False), 10, "the hold is not free")
