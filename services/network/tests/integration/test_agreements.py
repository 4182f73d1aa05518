"""Agreements with dealers: drafted, signed, amended, ended; told before they run out."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "DealerAgreementService"
DRAFT, SIGNED, SUPERSEDED, TERMINATED = 1, 2, 3, 4
TODAY = datetime.now(UTC).date()


def day(value: date) -> dict[str, int]:
    return {"year": value.year, "month": value.month, "day": value.day}


def days(count: int) -> dict[str, int]:
    """So many days from today."""
    return day(TODAY + timedelta(days=count))


SIGNING = {"signed_date": days(-10)}


async def draft(network: Any, dealer: Any, **fields: Any) -> Any:
    given = {
        "dealer_id": dealer.dealer_id,
        "kind": 1,
        "number": f"AG-{network.number()}",
        "title": "Sales",
        "valid_from_date": days(-30),
        "valid_to_date": days(400),
        "documents": [{"title": "Contract", "location": "docs/1.pdf", "sha256": "0" * 64}],
    }
    return await network.ask(f"{SERVICE}/DraftDealerAgreement", agreement={**given, **fields})


async def refused(call: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await call
    found: str = failure.value.reason
    return found


class TestLife:
    async def test_drafted_signed_amended_and_superseded(self, network: Any) -> None:
        dealer = await network.make_dealer()
        made = await draft(network, dealer)
        one = {"agreement_id": made.agreement_id}
        assert (made.version, made.state) == (1, DRAFT)
        signed = await network.ask(f"{SERVICE}/SignDealerAgreement", **one, **SIGNING, etag=made.etag)
        assert (signed.state, signed.version) == (SIGNED, 1)

        amended = await network.ask(f"{SERVICE}/AmendDealerAgreement", **one, etag=signed.etag)
        assert (amended.version, amended.state, amended.documents) == (2, DRAFT, made.documents)
        changed = {**one, "valid_to_date": days(900), "etag": amended.etag}
        amended = await network.ask(f"{SERVICE}/UpdateDealerAgreement", agreement=changed)
        assert await network.ask(f"{SERVICE}/GetDealerAgreement", **one) == signed  # it holds until the next is signed

        second = await network.ask(f"{SERVICE}/SignDealerAgreement", **one, **SIGNING)
        first = await network.ask(f"{SERVICE}/GetDealerAgreement", **one, version=1)
        assert (second.state, first.state) == (SIGNED, SUPERSEDED)
        assert (first.valid_to_date, first.documents) == (signed.valid_to_date, signed.documents)
        told = await network.events(made.agreement_id)
        assert [(one.version, one.aggregate_version) for one in told] == [(1, 1), (2, 2)]

    async def test_what_is_signed_never_changes(self, network: Any) -> None:
        made = await draft(network, await network.make_dealer())
        one = {"agreement_id": made.agreement_id}
        await network.ask(f"{SERVICE}/SignDealerAgreement", **one, **SIGNING)
        assert (
            await refused(network.ask(f"{SERVICE}/UpdateDealerAgreement", agreement={**one, "title": "Other"}))
            == "AGREEMENT_NOT_DRAFT"
        )
        assert await refused(network.ask(f"{SERVICE}/SignDealerAgreement", **one, **SIGNING)) == "AGREEMENT_NOT_DRAFT"
        await network.ask(f"{SERVICE}/AmendDealerAgreement", **one)
        assert await refused(network.ask(f"{SERVICE}/AmendDealerAgreement", **one)) == "AGREEMENT_DRAFT_OPEN"

    async def test_the_etag_of_one_version_does_not_fit_another(self, network: Any) -> None:
        made = await draft(network, await network.make_dealer())
        one = {"agreement_id": made.agreement_id}
        await network.ask(f"{SERVICE}/SignDealerAgreement", **one, **SIGNING)
        await network.ask(f"{SERVICE}/AmendDealerAgreement", **one)
        assert (
            await refused(network.ask(f"{SERVICE}/SignDealerAgreement", **one, **SIGNING, etag=made.etag))
            == "ETAG_MISMATCH"
        )

    async def test_one_is_ended_before_its_time(self, network: Any) -> None:
        made = await draft(network, await network.make_dealer())
        one = {"agreement_id": made.agreement_id}
        ending = {**one, "last_date": days(5), "reason": "Breach"}
        assert await refused(network.ask(f"{SERVICE}/TerminateDealerAgreement", **ending)) == "AGREEMENT_NOT_SIGNED"
        await network.ask(f"{SERVICE}/SignDealerAgreement", **one, **SIGNING)
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/TerminateDealerAgreement", **{**ending, "last_date": days(-31)})
        assert failure.value.fields == {"last_date": "DATES_REVERSED"}
        ended = await network.ask(f"{SERVICE}/TerminateDealerAgreement", **ending)
        assert (ended.state, ended.termination_reason) == (TERMINATED, "Breach")
        last = (await network.events(made.agreement_id))[-1]
        assert (last.terminated, last.aggregate_version) == (True, 2)

    async def test_two_who_sign_at_once_sign_once(self, network: Any) -> None:
        made = await draft(network, await network.make_dealer())

        async def sign() -> str:
            try:
                await network.ask(f"{SERVICE}/SignDealerAgreement", agreement_id=made.agreement_id, **SIGNING)
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        assert sorted(await asyncio.gather(sign(), sign(), sign())) == [
            "AGREEMENT_NOT_DRAFT", "AGREEMENT_NOT_DRAFT", "OK",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("fields", "place", "reason"),
        [
            ({"valid_to_date": days(-31)}, "agreement.valid_to_date", "DATES_REVERSED"),
            ({"valid_from_date": {"year": 2026}}, "agreement.valid_from_date", "DATE_INVALID"),
            ({"number": "  "}, "agreement.number", "FIELD_REQUIRED"),
        ],
    )
    async def test_what_makes_no_sense_is_named(
        self, network: Any, fields: dict[str, Any], place: str, reason: str
    ) -> None:
        dealer = await network.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await draft(network, dealer, **fields)
        assert failure.value.fields == {place: reason}

    async def test_a_number_is_taken_once_and_signers_are_known(self, network: Any, new_id: Any) -> None:
        dealer = await network.make_dealer()
        made = await draft(network, dealer)
        assert await refused(draft(network, dealer, number=made.number)) == "AGREEMENT_NUMBER_TAKEN"
        wrong = {"signed_by_staff_id": new_id(), "signed_by_contact_id": new_id(), "signed_date": days(3)}
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/SignDealerAgreement", agreement_id=made.agreement_id, **wrong)
        assert failure.value.fields == {
            "signed_date": "DATE_IN_FUTURE",
            "signed_by_staff_id": "STAFF_UNKNOWN",
            "signed_by_contact_id": "CONTACT_UNKNOWN",
        }


class TestEnds:
    async def test_one_that_ends_soon_is_told_and_its_end_waited_for(self, network: Any) -> None:
        made = await draft(network, await network.make_dealer(), valid_to_date=days(20), notice_days=30)
        await network.ask(f"{SERVICE}/SignDealerAgreement", agreement_id=made.agreement_id, **SIGNING)

        async def told() -> list[str]:
            return [one.DESCRIPTOR.name for one in await network.events(made.agreement_id)]

        async def expiring() -> bool:
            return "DealerAgreementExpiring" in await told()

        await until(expiring, 15, "nobody was told")
        (due,) = await network.sql("SELECT due_time FROM due_work WHERE key = $1", made.agreement_id)
        assert due["due_time"].date() in (TODAY + timedelta(days=20), TODAY + timedelta(days=21))
        assert await told() == ["DealerAgreementSigned", "DealerAgreementExpiring"]

    async def test_one_that_ran_out_is_told_once(self, network: Any) -> None:
        made = await draft(network, await network.make_dealer(), valid_to_date=days(-5))
        await network.ask(f"{SERVICE}/SignDealerAgreement", agreement_id=made.agreement_id, **SIGNING)

        async def ended() -> list[Any]:
            found = await network.events(made.agreement_id)
            return [one for one in found if one.DESCRIPTOR.name == "DealerAgreementEnded"]

        await until(ended, 15, "nobody was told")
        (event,) = await ended()
        assert (event.terminated, event.version) == (False, 1)
        assert await network.sql("SELECT 1 FROM due_work WHERE key = $1", made.agreement_id) == []


class TestLists:
    async def test_by_their_end_by_what_holds_and_by_scope(self, network: Any, new_id: Any) -> None:
        dealer = await network.make_dealer()
        ends = [None, 300, 100, 200]
        made = []
        for end in ends:
            fields = {"valid_to_date": days(end)} if end else {"valid_to_date": None}
            made.append(await draft(network, dealer, **fields))
        listing, own = f"{SERVICE}/ListDealerAgreements", {"dealer_id": dealer.dealer_id}
        by_end = [made[index].agreement_id for index in (2, 3, 1, 0)]
        found = await network.pages(listing, "agreements", **own)
        assert [one.agreement_id for one in found] == by_end
        found = await network.pages(listing, "agreements", **own, order_by="create_time desc")
        assert [one.agreement_id for one in found] == [one.agreement_id for one in reversed(made)]
        found = await network.pages(listing, "agreements", **own, expires_before_date=days(201))
        assert [one.agreement_id for one in found] == by_end[:2]
        await network.ask(f"{SERVICE}/SignDealerAgreement", agreement_id=made[2].agreement_id, **SIGNING)
        for at, count in ((days(100), 1), (days(101), 0), (days(-30), 1), (days(-31), 0)):
            assert len(await network.pages(listing, "agreements", **own, in_force_date=at)) == count
        manager = network.client("dealer.manager", dealers=[dealer.dealer_id])
        assert len(await network.pages(listing, "agreements", manager)) == 4
        stranger = network.client("dealer.manager", dealers=[new_id()])
        assert await network.pages(listing, "agreements", stranger) == []
        asked = network.ask(f"{SERVICE}/GetDealerAgreement", stranger, agreement_id=made[0].agreement_id)
        assert await refused(asked) == "AGREEMENT_NOT_FOUND"
