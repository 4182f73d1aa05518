"""Admission files and contacts of dealers."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from servicekit.testing.client import RpcFailure

ADMISSION, CONTACT = "DealerAdmissionService", "DealerContactService"
LICENCE, REPAIR, ACCOUNTS, PREMISES = 1, 2, 3, 5
TODAY = datetime.now(UTC).date()


def day(count: int) -> dict[str, int]:
    found: date = TODAY + timedelta(days=count)
    return {"year": found.year, "month": found.month, "day": found.day}


async def put(network: Any, dealer: Any, client: Any = None, **fields: Any) -> Any:
    given = {"dealer_id": dealer.dealer_id, **fields}
    return await network.ask(f"{ADMISSION}/PutDealerAdmission", client, admission=given)


class TestAdmission:
    async def test_what_was_written_is_read(self, network: Any) -> None:
        dealer = await network.make_dealer(kinds=[1, 2])
        made = await put(
            network,
            dealer,
            means={"registered_capital": {"currency_code": "CNY", "units": 20_000_000}, "employees": 45},
            satisfaction=[{"year": 2025, "index": "SSI", "score": 812.5, "source": "JDP"}],
            loyalty={"partner_since_date": {"year": 2015, "month": 6, "day": 1}, "renewals": 2},
            documents=[
                {"kind": LICENCE, "number": "91310000", "expiry_date": day(100)},
                {"kind": REPAIR, "expiry_date": day(-1)},
            ],
            note="Pays in time.",
        )
        assert made == await network.ask(f"{ADMISSION}/GetDealerAdmission", dealer_id=dealer.dealer_id)
        assert made.means.registered_capital.units == 20_000_000
        assert list(made.missing_documents) == [REPAIR, PREMISES]
        ends = made.next_expiry_date
        assert {"year": ends.year, "month": ends.month, "day": ends.day} == day(100)

    async def test_two_writers_with_one_etag_do_not_both_win(self, network: Any) -> None:
        dealer = await network.make_dealer()
        first = await put(network, dealer, note="One")

        async def write(note: str) -> str:
            try:
                await put(network, dealer, note=note, etag=first.etag)
            except RpcFailure as failure:
                return failure.reason
            return "OK"

        assert sorted(await asyncio.gather(write("Two"), write("Three"))) == ["ETAG_MISMATCH", "OK"]

    @pytest.mark.parametrize(
        ("fields", "place", "reason"),
        [
            ({"satisfaction": [{"year": 2025, "index": "CSI"}] * 2}, "admission.satisfaction", "YEAR_REPEATED"),
            (
                {"means": {"bank_guarantee": {"currency_code": "cny", "units": 1}}},
                "admission.means.bank_guarantee",
                "MONEY_INVALID",
            ),
            (
                {"documents": [{"kind": 1, "issue_date": day(0), "expiry_date": day(-1)}]},
                "admission.documents[0].expiry_date",
                "DATES_REVERSED",
            ),
            (
                {"documents": [{"kind": 1, "issue_date": {"year": 2026, "month": 13, "day": 1}}]},
                "admission.documents[0].issue_date",
                "DATE_INVALID",
            ),
        ],
    )
    async def test_what_makes_no_sense_is_named(
        self, network: Any, fields: dict[str, Any], place: str, reason: str
    ) -> None:
        dealer = await network.make_dealer()
        with pytest.raises(RpcFailure) as failure:
            await put(network, dealer, **fields)
        assert failure.value.fields == {place: reason}

    async def test_files_with_papers_that_end_are_found_in_order_by_who_may(self, network: Any) -> None:
        region = f"R{network.number()}"
        made = {}
        for count in (30, 10, 20, None):
            dealer = await network.make_dealer(region_code=region)
            papers = [{"kind": LICENCE, **({"expiry_date": day(count)} if count else {})}]
            made[count] = (await put(network, dealer, documents=papers)).dealer_id
        keeper = network.client("oem.region", region=region)
        found = await network.pages(f"{ADMISSION}/ListDealerAdmissions", "admissions", keeper)
        assert [one.dealer_id for one in found] == [made[10], made[20], made[30], made[None]]
        before = {"expires_before_date": day(21)}
        found = await network.pages(f"{ADMISSION}/ListDealerAdmissions", "admissions", keeper, **before)
        assert [one.dealer_id for one in found] == [made[10], made[20]]
        for client, code in (
            (network.client("oem.region", region=f"{region}X"), "NOT_FOUND"),
            (network.client("dealer.manager", dealers=[made[10]]), "PERMISSION_DENIED"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await network.ask(f"{ADMISSION}/GetDealerAdmission", client, dealer_id=made[10])
            assert failure.value.code == code


async def note(network: Any, dealer: Any, client: Any = None, **fields: Any) -> Any:
    given = {"dealer_id": dealer.dealer_id, "name": {"family_name": "陈", "given_name": "建国"}, **fields}
    return await network.ask(f"{CONTACT}/CreateDealerContact", client, contact=given)


class TestContacts:
    async def test_what_was_written_is_read(self, network: Any) -> None:
        dealer = await network.make_dealer()
        staff = (await network.make_staff(dealer_id=dealer.dealer_id)).staff_id
        made = await note(
            network, dealer, phone="+8613912345678", topics=["sales"], staff_id=staff, position="General manager"
        )
        assert made == await network.ask(f"{CONTACT}/GetDealerContact", contact_id=made.contact_id)
        assert made.name.full_name == "陈建国"
        changed = {"contact_id": made.contact_id, "name": {"given_name": "国强"}, "etag": made.etag}
        mask = {"paths": ["name.given_name"]}
        after = await network.ask(f"{CONTACT}/UpdateDealerContact", contact=changed, update_mask=mask)
        assert after.name.full_name == "陈国强"

    async def test_one_is_asked_first(self, network: Any) -> None:
        dealer = await network.make_dealer()
        first = await note(network, dealer, primary=True)
        second = await note(network, dealer, primary=True)
        listing = f"{CONTACT}/ListDealerContacts"
        found = await network.pages(listing, "contacts", dealer_id=dealer.dealer_id, order_by="create_time")
        assert [(one.contact_id, one.primary) for one in found] == [
            (first.contact_id, False), (second.contact_id, True),
        ]  # fmt: skip
        gone = {"contact_id": second.contact_id, "former": True}
        after = await network.ask(f"{CONTACT}/UpdateDealerContact", contact=gone)
        assert not after.primary
        found = await network.pages(listing, "contacts", dealer_id=dealer.dealer_id)
        assert [one.contact_id for one in found] == [first.contact_id]
        found = await network.pages(listing, "contacts", dealer_id=dealer.dealer_id, include_former=True)
        assert len(found) == 2

    async def test_many_who_are_made_first_at_once_leave_one(self, network: Any) -> None:
        dealer = await network.make_dealer()
        await asyncio.gather(*(note(network, dealer, primary=True) for _ in range(4)))
        found = await network.pages(f"{CONTACT}/ListDealerContacts", "contacts", dealer_id=dealer.dealer_id)
        assert sum(one.primary for one in found) == 1

    async def test_a_double_submit_makes_one(self, network: Any) -> None:
        dealer = await network.make_dealer()
        given = {"dealer_id": dealer.dealer_id, "name": {"full_name": "Ann"}}
        request = {"contact": given, "request_id": f"c-{network.number()}"}
        answers = await asyncio.gather(*(network.ask(f"{CONTACT}/CreateDealerContact", **request) for _ in range(3)))
        assert len({one.contact_id for one in answers}) == 1

    async def test_nobody_without_a_name_and_no_staff_of_others(self, network: Any) -> None:
        dealer, other = await network.make_dealer(), await network.make_dealer()
        staff = (await network.make_staff(dealer_id=other.dealer_id)).staff_id
        for fields, place, reason in (
            ({"name": {"latin_name": "X"}}, "contact.name", "FIELD_REQUIRED"),
            ({"staff_id": staff}, "contact.staff_id", "STAFF_UNKNOWN"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await note(network, dealer, **fields)
            assert failure.value.fields == {place: reason}

    async def test_a_dealers_manager_sees_their_own(self, network: Any) -> None:
        own, other = await network.make_dealer(), await network.make_dealer()
        mine, theirs = await note(network, own), await note(network, other)
        manager = network.client("dealer.manager", dealers=[own.dealer_id])
        assert (await network.ask(f"{CONTACT}/GetDealerContact", manager, contact_id=mine.contact_id)) == mine
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{CONTACT}/GetDealerContact", manager, contact_id=theirs.contact_id)
        assert failure.value.reason == "CONTACT_NOT_FOUND"
