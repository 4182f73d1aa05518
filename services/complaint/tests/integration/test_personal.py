"""A customer's rights over cases, and cases of who has left."""

from __future__ import annotations

import uuid
from typing import Any

from google.protobuf import json_format
from servicekit import contract


async def internal(desk: Any, service: str, rpc: str, **request: Any) -> Any:
    method = contract.methods(f"marque.complaint.v1.Complaint{service}Service")[rpc]
    message = json_format.ParseDict(request, method.input())
    client, path = desk.client("service"), f"complaint.v1.Complaint{service}Service/{rpc}"
    if method.server_streaming:
        return [part async for part in client.stream(path, message)]
    return await client.call(path, message)


class TestErasure:
    async def test_the_person_and_their_words_leave_closed_cases_and_open_ones_are_kept_until_then(
        self, desk: Any
    ) -> None:
        customer = str(uuid.uuid4())
        owner = desk.client("owner", customer=customer)
        word = f"xz{uuid.uuid4().hex[:10]}"
        closed, still = [await desk.make(owner, kind=2, description=f"{word} 王伟{end}") for end in ("?", "")]
        await desk.do("Acknowledge", closed)
        await desk.do("Assess", closed, severity=1)
        await desk.do("Assign", closed, staff_id=await desk.make_staff())
        await desk.do("Resolve", closed, resolution=f"Told {word}.")
        await desk.do("Close", closed)
        exported = await internal(desk, "PersonalData", "ExportPersonalData", customer_id=customer)
        assert word in str(exported)

        await desk.sql("INSERT INTO known_stages VALUES ($1, 3, 1)", customer)
        person = {"customer_id": customer, "erasure_id": str(uuid.uuid4())}
        done = await internal(desk, "PersonalData", "ErasePersonalData", **person)
        again = await internal(desk, "PersonalData", "ErasePersonalData", **person)

        assert done == again
        assert not await desk.sql("SELECT 1 FROM known_stages WHERE customer_id = $1", customer)
        left = [one.case_id for one in (await desk.call("SearchCases", query=word)).cases]
        assert left == [still.case_id]
        row = await desk.call("GetCase", case_id=closed.case_id)
        assert (row.customer_id, row.description, row.resolution, row.state) == ("", "", "", 9)
        assert not (await desk.call("ListCaseMessages", case_id=closed.case_id)).messages
        assert (await desk.call("GetCase", case_id=still.case_id)).description == f"{word} 王伟"


class TestHandOver:
    async def test_open_cases_go_to_the_successors_in_turn_and_closed_ones_stay(self, desk: Any) -> None:
        leaver, heir = await desk.make_staff(), await desk.make_staff()
        cases = [await desk.make() for _ in range(3)]
        for case in cases:
            await desk.do("Assign", case, staff_id=leaver)
        task = {"case_id": cases[0].case_id, "kind": 1, "purpose": "INSPECT_CAR", "due_time": "2100-01-01T00:00:00Z"}
        made = await desk.call("AddCaseTask", task=task | {"owner_staff_id": leaver})
        step = {"hand_over_id": str(uuid.uuid4()), "from_staff_id": leaver, "successor_staff_ids": [heir]}
        moved = await internal(desk, "HandOver", "HandOver", **step)

        rows = await desk.sql(
            "SELECT handler_staff_id::text AS who FROM cases WHERE case_id = ANY($1)", [one.case_id for one in cases]
        )
        assert {row["who"] for row in rows} == {heir}
        assert len(moved.rows) == 4
        (kept,) = (await desk.call("ListCaseTasks", owner_staff_id=heir)).tasks
        assert kept.task_id == made.task_id
