"""The life of a dealer by verbs: opened, suspended, closed with a successor, each with its reason."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from marque.network.v1 import dealer_pb2
from servicekit.testing.client import RpcFailure

SERVICE = "DealerService"
CREDIT, ADMITTED, REMEDIED = (
    dealer_pb2.DEALER_STATUS_REASON_CREDIT,
    dealer_pb2.DEALER_STATUS_REASON_ADMITTED,
    dealer_pb2.DEALER_STATUS_REASON_REMEDIED,
)
ACTIVE, SUSPENDED, CLOSED = 2, 3, 4


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(RpcFailure) as failure:
        await call
    return failure.value.code, failure.value.reason


class TestVerbs:
    async def test_a_planned_dealer_opens_is_suspended_and_opens_again(self, network: Any) -> None:
        made = await network.make_dealer(status=1)
        opened = await network.ask(f"{SERVICE}/ActivateDealer", dealer_id=made.dealer_id, etag=made.etag)
        assert (opened.status, opened.status_reason) == (ACTIVE, ADMITTED)
        held = await network.ask(f"{SERVICE}/SuspendDealer", dealer_id=made.dealer_id, reason=CREDIT, note="Owes.")
        assert (held.status, held.status_reason) == (SUSPENDED, CREDIT)
        again = await network.ask(f"{SERVICE}/ActivateDealer", dealer_id=made.dealer_id)
        assert (again.status, again.status_reason) == (ACTIVE, REMEDIED)

        changes = await network.pages(f"{SERVICE}/ListDealerStatusChanges", "changes", dealer_id=made.dealer_id)
        assert [(one.number, one.from_status, one.to_status, one.note) for one in changes] == [
            (3, SUSPENDED, ACTIVE, ""), (2, ACTIVE, SUSPENDED, "Owes."), (1, 1, ACTIVE, ""),
        ]  # fmt: skip
        told = await network.events(made.dealer_id)
        assert [(one.status, one.status_reason) for one in told[1:]] == [(2, ADMITTED), (3, CREDIT), (2, REMEDIED)]
        assert all(list(one.changed_fields) == ["status"] for one in told[1:])

    async def test_a_state_that_does_not_allow_it_is_told(self, network: Any) -> None:
        made = await network.make_dealer()
        ask = {"dealer_id": made.dealer_id}
        assert (await refused(network.ask(f"{SERVICE}/ActivateDealer", **ask)))[1] == "DEALER_ACTIVE"
        await network.ask(f"{SERVICE}/TerminateDealer", **ask, reason=CREDIT)
        code, reason = await refused(network.ask(f"{SERVICE}/ActivateDealer", **ask))
        assert (code, reason) == ("FAILED_PRECONDITION", "DEALER_CLOSED")
        assert (await refused(network.ask(f"{SERVICE}/SuspendDealer", **ask, reason=CREDIT)))[1] == "DEALER_NOT_ACTIVE"
        assert (await refused(network.ask(f"{SERVICE}/TerminateDealer", **ask, reason=CREDIT)))[1] == "DEALER_CLOSED"

    async def test_a_patch_of_the_status_leaves_no_old_reason(self, network: Any) -> None:
        made = await network.make_dealer()
        await network.ask(f"{SERVICE}/SuspendDealer", dealer_id=made.dealer_id, reason=CREDIT)
        changed = await network.update_dealer(["status"], dealer_id=made.dealer_id, status=ACTIVE)
        assert (changed.status, changed.status_reason) == (ACTIVE, 0)

    async def test_of_two_writers_with_one_etag_one_wins(self, network: Any) -> None:
        made = await network.make_dealer()

        async def suspend() -> str:
            try:
                await network.ask(f"{SERVICE}/SuspendDealer", dealer_id=made.dealer_id, reason=CREDIT, etag=made.etag)
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        assert sorted(await asyncio.gather(suspend(), suspend())) == ["ETAG_MISMATCH", "OK"]

    async def test_a_reason_is_needed_and_an_unknown_dealer_is_not_found(self, network: Any, new_id: Any) -> None:
        made = await network.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/SuspendDealer", dealer_id=made.dealer_id)
        assert list(failure.value.fields) == ["reason"]
        assert (await refused(network.ask(f"{SERVICE}/ActivateDealer", dealer_id=new_id())))[1] == "DEALER_NOT_FOUND"

    async def test_only_those_who_act_for_a_dealer_read_why(self, network: Any) -> None:
        own, other = await network.make_dealer(), await network.make_dealer()
        for dealer in (own, other):
            await network.ask(f"{SERVICE}/SuspendDealer", dealer_id=dealer.dealer_id, reason=CREDIT)
        manager = network.client("dealer.manager", dealers=[own.dealer_id])
        for dealer, count in ((own, 1), (other, 0)):
            answer = await network.ask(f"{SERVICE}/ListDealerStatusChanges", manager, dealer_id=dealer.dealer_id)
            assert len(answer.changes) == count


class TestTerminate:
    async def test_the_territory_goes_to_the_successor(self, network: Any) -> None:
        old, new = await network.make_dealer(kinds=[2]), await network.make_dealer(kinds=[2])
        code = f"ZZ{network.number()}"
        given = {"dealer_id": old.dealer_id, "code": f"T-{code}", "kind": 2, "country_code": "DE", "exclusive": True}
        await network.ask(
            "DealerTerritoryService/CreateDealerTerritory", territory={**given, "postcodes": [{"first": code}]}
        )
        closed = await network.ask(
            f"{SERVICE}/TerminateDealer",
            dealer_id=old.dealer_id,
            reason=dealer_pb2.DEALER_STATUS_REASON_SUCCEEDED,
            successor_dealer_id=new.dealer_id,
            close_date={"year": 2026, "month": 5, "day": 31},
        )
        assert (closed.status, closed.successor_dealer_id) == (CLOSED, new.dealer_id)
        assert (closed.close_date.month, closed.close_date.day) == (5, 31)
        found = await network.ask(f"{SERVICE}/FindDealersForPlace", country_code="DE", postal_code=f"{code}99", kind=2)
        assert [one.dealer.dealer_id for one in found.dealers] == [new.dealer_id]
        told = (await network.events(old.dealer_id))[-1]
        assert (told.status, told.successor_dealer_id) == (CLOSED, new.dealer_id)

    async def test_without_a_successor_its_territories_end(self, network: Any) -> None:
        dealer = await network.make_dealer(kinds=[1])
        code = f"ZY{network.number()}"
        made = await network.ask(
            "DealerTerritoryService/CreateDealerTerritory",
            territory={
                "dealer_id": dealer.dealer_id,
                "code": f"T-{code}",
                "kind": 1,
                "country_code": "DE",
                "postcodes": [{"first": code}],
            },
        )
        await network.ask(f"{SERVICE}/TerminateDealer", dealer_id=dealer.dealer_id, reason=CREDIT)
        ended = await network.ask("DealerTerritoryService/GetDealerTerritory", territory_id=made.territory_id)
        assert ended.HasField("end_time")

    async def test_closed_without_the_verb_its_territories_end_too(self, network: Any) -> None:
        dealer = await network.make_dealer(kinds=[1])
        given = {"dealer_id": dealer.dealer_id, "code": f"T-{network.number()}", "kind": 1, "country_code": "DE"}
        made = await network.ask(
            "DealerTerritoryService/CreateDealerTerritory", territory={**given, "postcodes": [{"first": "ZX"}]}
        )
        await network.update_dealer(["status"], dealer_id=dealer.dealer_id, status=CLOSED)
        ended = await network.ask("DealerTerritoryService/GetDealerTerritory", territory_id=made.territory_id)
        assert ended.HasField("end_time")

    async def test_a_successor_must_be_another_that_is_not_closed(self, network: Any, new_id: Any) -> None:
        dealer, gone = await network.make_dealer(), await network.make_dealer(status=CLOSED)
        for successor in (dealer.dealer_id, gone.dealer_id, new_id()):
            with pytest.raises(RpcFailure) as failure:
                await network.ask(
                    f"{SERVICE}/TerminateDealer",
                    dealer_id=dealer.dealer_id,
                    reason=CREDIT,
                    successor_dealer_id=successor,
                )
            assert failure.value.fields == {"successor_dealer_id": "SUCCESSOR_INVALID"}

    async def test_two_that_succeed_each_other_at_once_do_not_wait_for_ever(self, network: Any) -> None:
        one, two = await network.make_dealer(), await network.make_dealer()

        async def close(dealer: Any, successor: Any) -> str:
            try:
                await network.ask(
                    f"{SERVICE}/TerminateDealer",
                    dealer_id=dealer.dealer_id,
                    reason=CREDIT,
                    successor_dealer_id=successor.dealer_id,
                )
            except RpcFailure as failure:
                return next(iter(failure.fields.values()))
            return "OK"

        assert sorted(await asyncio.gather(close(one, two), close(two, one))) == ["OK", "SUCCESSOR_INVALID"]
