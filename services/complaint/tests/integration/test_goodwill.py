"""Goodwill over the service's own door: within a limit at once, above it by somebody else, never more together than a limit."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure

LIMITS = [
    {"role": "oem.agent", "amount": {"currency_code": "CNY", "units": "200"}},
    {"role": "oem.manager", "amount": {"currency_code": "CNY", "units": "1000"}},
]
SPENT = {"remedy": "VOUCHER", "reason": "LATE"}


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return str(failure.value.reason)


async def wrong(work: Any) -> set[str]:
    with pytest.raises(RpcFailure) as failure:
        await work
    return set(failure.value.fields.values())


def cny(units: int) -> dict[str, Any]:
    return {"amount": {"currency_code": "CNY", "units": str(units)}, **SPENT}


@pytest.fixture(autouse=True)
async def limits(desk: Any) -> None:
    """The limits of this module, once in force for each test."""
    await desk.call("PutGoodwillPolicy", policy={"limits": LIMITS})


class TestGoodwill:
    async def test_within_the_limit_it_is_approved_and_above_it_somebody_else_decides(self, desk: Any) -> None:
        case = await desk.make()
        small = await desk.call("AskGoodwill", desk.agent, case_id=case.case_id, **cny(150))
        more = await desk.call("AskGoodwill", desk.agent, case_id=case.case_id, **cny(51))
        assert (small.state, more.state) == (2, 1)
        again = desk.call("AskGoodwill", desk.agent, case_id=case.case_id, **cny(1))
        assert await refused(again) == "GOODWILL_WAITS"

        by_asker = desk.call("DecideGoodwill", desk.agent, goodwill_id=more.goodwill_id, approved=True)
        assert await refused(by_asker) == "PERMISSION_DENIED"
        stale = desk.call("DecideGoodwill", goodwill_id=more.goodwill_id, approved=True, etag="v9")
        assert await refused(stale) == "ETAG_MISMATCH"
        decided = await desk.call("DecideGoodwill", goodwill_id=more.goodwill_id, approved=True, reason="FAIR")
        assert (decided.state, decided.decide_reason) == (2, "FAIR")
        late = desk.call("DecideGoodwill", goodwill_id=more.goodwill_id, approved=False)
        assert await refused(late) == "GOODWILL_DECIDED"
        assert (await desk.entries(case.case_id))[1:] == ["GOODWILL_APPROVED", "GOODWILL_ASKED", "GOODWILL_APPROVED"]

    async def test_who_asked_does_not_decide_and_nobody_above_their_limit(self, desk: Any) -> None:
        own, other = await desk.make(), await desk.make()
        mine = await desk.call("AskGoodwill", case_id=own.case_id, **cny(1001))
        assert await refused(desk.call("DecideGoodwill", goodwill_id=mine.goodwill_id, approved=True)) == "GOODWILL_OWN"
        theirs = await desk.call("AskGoodwill", desk.agent, case_id=other.case_id, **cny(1001))
        above = desk.call("DecideGoodwill", goodwill_id=theirs.goodwill_id, approved=True)
        assert await refused(above) == "GOODWILL_LIMIT"
        declined = await desk.call("DecideGoodwill", goodwill_id=theirs.goodwill_id, approved=False, reason="TOO_MUCH")
        assert declined.state == 3

    async def test_asked_for_at_once_in_pieces_it_stays_below_the_limit(self, desk: Any) -> None:
        case = await desk.make()
        asked = [desk.call("AskGoodwill", desk.agent, case_id=case.case_id, **cny(60)) for _ in range(6)]
        made = await asyncio.gather(*asked, return_exceptions=True)

        approved = [one for one in made if not isinstance(one, Exception) and one.state == 2]
        assert len(approved) == 3
        waiting = (await desk.call("ListGoodwill", case_id=case.case_id, waiting=True)).goodwill
        assert len(waiting) == 1

    async def test_another_dealers_goodwill_does_not_exist(self, desk: Any) -> None:
        mine, other = await desk.make_dealer(), await desk.make_dealer()
        case = await desk.make(dealer_id=mine)
        asked = await desk.call("AskGoodwill", case_id=case.case_id, **cny(5000))
        stranger = desk.client("dealer.manager", dealers=[other])

        hidden = desk.call("DecideGoodwill", stranger, goodwill_id=asked.goodwill_id, approved=True)
        assert await refused(hidden) == "GOODWILL_NOT_FOUND"
        nowhere = desk.call("DecideGoodwill", goodwill_id=str(uuid.uuid4()), approved=True)
        assert await refused(nowhere) == "GOODWILL_NOT_FOUND"
        assert not (await desk.call("ListGoodwill", stranger)).goodwill
        owner = desk.client("dealer.manager", dealers=[mine])
        assert [one.goodwill_id for one in (await desk.call("ListGoodwill", owner)).goodwill] == [asked.goodwill_id]
        await desk.call("UpdateCase", case={"case_id": case.case_id, "dealer_id": other}, update_mask="dealerId")
        assert [one.goodwill_id for one in (await desk.call("ListGoodwill", stranger)).goodwill] == [asked.goodwill_id]

    @pytest.mark.parametrize(
        "amount",
        [
            {"currency_code": "CNY", "units": "0"},
            {"currency_code": "CNY", "units": "-5"},
            {"currency_code": "XXQ", "units": "5"},
            {"currency_code": "JPY", "units": "5", "nanos": 500_000_000},
        ],
    )
    async def test_what_cannot_be_paid_is_refused(self, desk: Any, amount: dict[str, Any]) -> None:
        case = await desk.make()
        assert await wrong(desk.call("AskGoodwill", case_id=case.case_id, amount=amount, **SPENT)) == {"MONEY_INVALID"}

    async def test_a_role_has_one_limit_in_a_currency_and_an_old_version_is_not_written_over(self, desk: Any) -> None:
        double = desk.call("PutGoodwillPolicy", policy={"limits": [*LIMITS, LIMITS[0]]})
        assert await wrong(double) == {"LIMIT_DOUBLE"}
        read = await desk.call("GetGoodwillPolicy")
        await desk.call("PutGoodwillPolicy", policy={"limits": LIMITS, "etag": read.etag})
        late = desk.call("PutGoodwillPolicy", policy={"limits": [], "etag": read.etag})
        assert await refused(late) == "ETAG_MISMATCH"
