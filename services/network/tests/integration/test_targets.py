"""Targets: proposed by one side, agreed by the other, in versions."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from marque.network.v1 import network_import_service_pb2 as rows_pb
from servicekit.testing.client import RpcFailure

SERVICE = "TargetService"
PROPOSED, AGREED, SUPERSEDED = 1, 2, 3
MAY = {"year": 2026, "month": 5}


def target(dealer: Any, **fields: Any) -> dict[str, Any]:
    return {"dealer_id": dealer.dealer_id, "measure": "cars_sold", "period": MAY, "value": "40", **fields}


async def propose(network: Any, *targets: dict[str, Any], client: Any = None) -> list[Any]:
    answer = await network.ask(f"{SERVICE}/ProposeTargets", client, targets=targets)
    return list(answer.targets)


async def agree(network: Any, *targets: Any, client: Any = None) -> list[Any]:
    wanted = [{"target_id": one.target_id, "etag": one.etag} for one in targets]
    return list((await network.ask(f"{SERVICE}/AgreeTargets", client, agreements=wanted)).targets)


def manager_of(network: Any, dealer: Any) -> Any:
    return network.client("dealer.manager", dealers=[dealer.dealer_id])


async def refused(call: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await call
    found: str = failure.value.reason
    return found


class TestVersions:
    async def test_the_makers_figure_is_agreed_by_the_dealers_manager(self, network: Any) -> None:
        dealer = await network.make_dealer()
        (made,) = await propose(network, target(dealer))
        assert (made.version, made.state, made.proposed_by_dealer) == (1, PROPOSED, False)
        (held,) = await agree(network, made, client=manager_of(network, dealer))
        assert (held.state, held.value) == (AGREED, "40")
        assert held.agreed_by
        (told,) = await network.events(made.target_id)
        assert (told.value, told.version, told.superseded_target_id, told.period.month) == ("40", 1, "", 5)

    async def test_another_figure_is_a_new_version_and_the_old_one_holds_until_it_is_agreed(self, network: Any) -> None:
        dealer = await network.make_dealer()
        manager = manager_of(network, dealer)
        (first,) = await agree(network, *await propose(network, target(dealer)), client=manager)
        (second,) = await propose(network, target(dealer, value="45.50"))
        (third,) = await propose(network, target(dealer, value="44"))
        states = {one.version: one.state for one in await network.pages(f"{SERVICE}/ListTargets", "targets", manager)}
        assert states == {1: AGREED, 2: SUPERSEDED, 3: PROPOSED}
        assert await refused(agree(network, second, client=manager)) in ("TARGET_NOT_PROPOSED", "ETAG_MISMATCH")
        await agree(network, third, client=manager)
        states = {one.version: one.state for one in await network.pages(f"{SERVICE}/ListTargets", "targets", manager)}
        assert states == {1: SUPERSEDED, 2: SUPERSEDED, 3: AGREED}
        old = await network.ask(f"{SERVICE}/GetTarget", target_id=first.target_id)
        assert (old.value, old.agreed_by, old.agree_time) == (first.value, first.agreed_by, first.agree_time)
        (told,) = await network.events(third.target_id)
        assert told.superseded_target_id == first.target_id

    async def test_equal_figures_change_nothing(self, network: Any) -> None:
        dealer = await network.make_dealer()
        first = await propose(network, target(dealer, value="40"))
        assert await propose(network, target(dealer, value="40.0000")) == first
        held = await agree(network, *first, client=manager_of(network, dealer))
        assert await propose(network, target(dealer)) == held

    async def test_nobody_agrees_to_the_proposal_of_their_own_side(self, network: Any) -> None:
        dealer = await network.make_dealer()
        manager = manager_of(network, dealer)
        (mine,) = await propose(network, target(dealer), client=manager)
        (theirs,) = await propose(network, target(dealer, measure="revenue", currency_code="CNY", value="1000000.25"))
        assert await refused(agree(network, mine, client=manager)) == "TARGET_OWN_PROPOSAL"
        assert await refused(agree(network, theirs)) == "TARGET_OWN_PROPOSAL"
        (held,) = await agree(network, mine)
        assert (held.state, held.proposed_by_dealer) == (AGREED, True)

    async def test_advisers_targets_are_agreed_by_their_manager(self, network: Any) -> None:
        dealer = await network.make_dealer()
        staff = (await network.make_staff(dealer_id=dealer.dealer_id)).staff_id
        manager = manager_of(network, dealer)
        made = await propose(network, target(dealer, staff_id=staff, value="5"), client=manager)
        (held,) = await agree(network, *made, client=manager)
        assert (held.state, held.staff_id) == (AGREED, staff)

    async def test_many_who_agree_at_once_agree_once(self, network: Any) -> None:
        dealer = await network.make_dealer()
        (made,) = await propose(network, target(dealer))

        async def one() -> str:
            try:
                await agree(network, made, client=manager_of(network, dealer))
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        answers = sorted(await asyncio.gather(*(one() for _ in range(4))))
        assert answers == ["ETAG_MISMATCH"] * 3 + ["OK"]
        assert len(await network.events(made.target_id)) == 1

    async def test_many_who_propose_at_once_make_versions_in_a_row(self, network: Any) -> None:
        dealer = await network.make_dealer()
        made = await asyncio.gather(*(propose(network, target(dealer, value=str(value))) for value in range(1, 6)))
        assert sorted(one.version for (one,) in made) == [1, 2, 3, 4, 5]
        found = await network.pages(f"{SERVICE}/ListTargets", "targets", dealer_id=dealer.dealer_id, state=PROPOSED)
        assert [one.version for one in found] == [5]


class TestBulk:
    async def test_all_or_nothing(self, network: Any) -> None:
        dealer, other = await network.make_dealer(), await network.make_dealer()
        manager = manager_of(network, dealer)
        for second, place, reason in (
            (target(dealer, value="41"), "targets[1]", "TARGET_REPEATED"),
            (target(dealer, period={"year": 2026, "quarter": 1, "month": 1}), "targets[1].period", "PERIOD_INVALID"),
            (target(dealer, staff_id=str(uuid.uuid4())), "targets[1].staff_id", "STAFF_UNKNOWN"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await propose(network, target(dealer), second)
            assert failure.value.fields == {place: reason}
        assert await refused(propose(network, target(dealer), target(other), client=manager)) == "DEALER_NOT_FOUND"
        made = await propose(network, target(dealer), target(other))
        assert await refused(agree(network, *made, client=manager)) == "TARGET_NOT_FOUND"
        assert await network.pages(f"{SERVICE}/ListTargets", "targets", manager, state=AGREED) == []

    @pytest.mark.parametrize("value", ["", "1e5", "1.23456", "NaN", "１２", "1,5"])
    async def test_a_figure_that_is_none_is_refused(self, network: Any, value: str) -> None:
        dealer = await network.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await propose(network, target(dealer, value=value))
        assert list(failure.value.fields) == ["targets[0].value"]


class TestList:
    async def test_filters_and_pages(self, network: Any, new_id: Any) -> None:
        dealer = await network.make_dealer()
        staff = (await network.make_staff(dealer_id=dealer.dealer_id)).staff_id
        for fields in (
            {"measure": "b"}, {"measure": "a"}, {"measure": "c", "staff_id": staff},
            {"measure": "a", "period": {"year": 2026, "quarter": 2}}, {"measure": "a", "period": {"year": 2027}},
        ):  # fmt: skip
            await propose(network, target(dealer, **fields))
        listing, own = f"{SERVICE}/ListTargets", {"dealer_id": dealer.dealer_id}
        sales = network.client("dealer.sales", dealers=[dealer.dealer_id])
        found = await network.pages(listing, "targets", sales, order_by="measure")
        assert [one.measure for one in found] == ["a", "a", "a", "b", "c"]
        assert len({one.target_id for one in found}) == 5
        for fields, count in (
            ({"staff_id": staff}, 1), ({"dealers_only": True}, 4), ({"year": 2026}, 4), ({"quarter": 2}, 1),
            ({"year": 2026, "month": 5}, 3), ({"measure": "a"}, 3), ({"state": AGREED}, 0),
        ):  # fmt: skip
            assert len(await network.pages(listing, "targets", **own, **fields)) == count, fields
        with pytest.raises(RpcFailure) as failure:
            await network.pages(listing, "targets", dealers_only=True, staff_id=staff)
        assert failure.value.fields == {"dealers_only": "FILTERS_CONTRADICT"}
        stranger = network.client("dealer.manager", dealers=[new_id()])
        assert await network.pages(listing, "targets", stranger) == []
        assert (
            await refused(network.ask(f"{SERVICE}/GetTarget", stranger, target_id=found[0].target_id))
            == "TARGET_NOT_FOUND"
        )


class TestImport:
    async def test_a_file_proposes_and_twice_changes_nothing(self, network: Any) -> None:
        dealer = await network.make_dealer()
        person = await network.make_staff(dealer_id=dealer.dealer_id)
        row = {"dealer_code": dealer.code, "measure": "Cars_Sold", "period": "2026-05", "value": "40"}
        rows = [
            rows_pb.TargetImportRow(**given)
            for given in (
                row,
                {**row, "employee_number": person.employee_number, "value": "4"},
                {**row, "period": "2026-q2", "value": "120.5"},
                {**row, "employee_number": "nobody"},
                {**row, "dealer_code": "NOWHERE"},
                {**row, "value": "1.23456"},
                {**row, "value": "41"},
            )
        ]
        answer = await network.do_import("Targets", rows)
        assert (answer.summary.created, answer.summary.rejected) == (3, 4)
        reasons = {one.row: [error.reason for error in one.errors] for one in answer.rejected}
        assert reasons == {
            4: ["STAFF_UNKNOWN"], 5: ["DEALER_NOT_FOUND"], 6: ["NUMBER_INVALID"], 7: ["ROW_REPEATED"],
        }  # fmt: skip
        again = await network.do_import("Targets", rows[:3])
        assert (again.summary.created, again.summary.updated, again.summary.unchanged) == (0, 0, 3)
        rows[0].value = "42"
        third = await network.do_import("Targets", rows[:1])
        assert third.summary.updated == 1
        found = await network.pages(f"{SERVICE}/ListTargets", "targets", dealer_id=dealer.dealer_id, state=PROPOSED)
        assert sorted(one.value for one in found) == ["120.5", "4", "42"]

    async def test_a_dry_run_writes_nothing(self, network: Any) -> None:
        dealer = await network.make_dealer()
        row = rows_pb.TargetImportRow(dealer_code=dealer.code, measure="cars_sold", period="2026", value="1")
        answer = await network.do_import("Targets", [row], dry_run=True)
        assert answer.summary.created == 1
        assert await network.pages(f"{SERVICE}/ListTargets", "targets", dealer_id=dealer.dealer_id) == []
