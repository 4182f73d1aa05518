"""Cases of other systems: several rows of one complaint, repeats, two imports at once, what a dealer may bring, work on an old one."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from google.protobuf import json_format
from marque.complaint.v1 import complaint_import_service_pb2 as messages

STREAM = "complaint.v1.ComplaintImportService/ImportCases"


def row(key: str, **fields: str) -> dict[str, str]:
    return {"source_key": key, "receive_date": "2024-04-29", "description": "The brakes did not work.", **fields}


async def send(desk: Any, rows: list[dict[str, str]], client: Any = None) -> tuple[int, int, int, int]:
    """Sends rows in one message; returns how many were created, updated, unchanged, rejected."""
    header = {"header": {"source": "portal"}, "rows": rows}
    message = json_format.ParseDict(header, messages.ImportCasesRequest())
    (answer,) = [one async for one in (client or desk.manager).stream(STREAM, iter([message]))]
    told = answer.summary
    return told.created, told.updated, told.unchanged, told.rejected


async def stored(desk: Any, prefix: str) -> list[Any]:
    return await desk.sql("SELECT * FROM cases WHERE source_key LIKE $1 ORDER BY source_key", f"{prefix}%")


class TestImportCases:
    async def test_rows_of_one_complaint_are_one_case_and_a_repeat_changes_nothing(self, desk: Any) -> None:
        key = uuid.uuid4().hex
        rows = [row(key, component="BRAKES"), row(key, component="STEERING", injured="2"), row(key, component="BRAKES")]
        assert await send(desk, rows) == (1, 1, 1, 0)
        assert await send(desk, rows) == (0, 0, 3, 0)
        assert await send(desk, [row(key, make="Marque", description="Other words")]) == (0, 1, 0, 0)

        (case,) = await stored(desk, key)
        assert (case["components"], case["injured"], case["make"]) == (["BRAKES", "STEERING"], 2, "Marque")
        assert case["description"] == "The brakes did not work."
        assert (case["state"], case["severity"], case["safety_signs"]) == (9, 4, ["INJURY", "BRAKES"])
        assert sorted(await desk.events(str(case["case_id"]))) == ["CaseReceived", "SafetyCaseFlagged"]

    async def test_danger_that_only_a_later_row_tells_is_flagged_once(self, desk: Any) -> None:
        key = uuid.uuid4().hex
        calm = row(key, description="The radio hums.")
        assert await send(desk, [calm]) == (1, 0, 0, 0)
        (case,) = await stored(desk, key)
        assert await desk.events(str(case["case_id"])) == ["CaseReceived"]

        for _ in range(2):
            await send(desk, [{**calm, "fire": "Y"}])
        await send(desk, [{**calm, "injured": "1"}])
        (case,) = await stored(desk, key)
        assert (case["severity"], case["safety_signs"]) == (4, ["FIRE", "INJURY"])
        assert await desk.events(str(case["case_id"])) == ["CaseReceived", "SafetyCaseFlagged"]

    async def test_two_imports_of_the_same_rows_at_once_make_each_case_once(self, desk: Any) -> None:
        mark = uuid.uuid4().hex[:12]
        rows = [row(f"{mark}-{number:03}") for number in range(120)]
        counts = await asyncio.gather(*(send(desk, order) for order in (rows, rows[::-1], rows)))

        assert sum(one[0] for one in counts) == 120
        assert sum(one[3] for one in counts) == 0
        assert len(await stored(desk, mark)) == 120

    async def test_a_dealers_system_brings_cases_of_its_own_dealer_alone(self, desk: Any) -> None:
        mine, other = await desk.make_dealer(), await desk.make_dealer()
        codes = {
            str(one["dealer_id"]): one["code"] for one in await desk.sql("SELECT dealer_id, code FROM known_dealers")
        }
        system = desk.client("dealer.system", dealers=[mine])
        key = uuid.uuid4().hex
        counts = await send(desk, [row(f"{key}-1"), row(f"{key}-2", dealer_code=codes[other])], system)

        assert counts == (1, 0, 0, 1)
        assert [str(one["dealer_id"]) for one in await stored(desk, key)] == [mine]
        assert await send(desk, [row(f"{key}-1", make="Marque")], desk.client("dealer.system", dealers=[other])) == (
            0,
            0,
            0,
            1,
        )

    async def test_work_on_an_old_case_begins_with_its_reopening(self, desk: Any) -> None:
        key = uuid.uuid4().hex
        await send(desk, [row(key)])
        ((case_id,),) = [[str(one["case_id"])] for one in await stored(desk, key)]
        before = await desk.call("GetCase", case_id=case_id)
        opened = await desk.call("ReopenCase", case_id=case_id, reason="AUTHORITY_ASKED")
        now = await desk.call("GetCase", case_id=case_id)

        assert (len(before.clocks), opened.state) == (0, 4)
        assert {clock.kind for clock in now.clocks} == {2, 3}
