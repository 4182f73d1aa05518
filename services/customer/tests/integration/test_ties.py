"""Households, organisations and referrals: what may be tied, who sees it, and what becomes of it when customers are merged."""

import asyncio
import itertools
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from marque.customer.v1 import (
    customer_pb2,
    customer_service_pb2,
    customer_tie_pb2,
    customer_tie_service_pb2,
    identity_service_pb2,
)
from marque.type.v1 import personal_data_pb2
from marque.vehicle.v1 import ownership_events_pb2
from servicekit.testing.client import RpcFailure

SERVICE = "customer.v1.CustomerTieService"
HOUSEHOLD, CONTACT, PART_OF, REFERRED_BY = 1, 2, 3, 4


class Ties:
    def __init__(self, desk):
        self.desk = desk

    async def person(self, **fields):
        return (await self.desk.create(**fields)).customer_id

    async def firm(self, dealer_id=""):
        request = customer_service_pb2.CreateCustomerRequest(
            customer=customer_pb2.Customer(kind=2, organisation_name="示例物流", industry="logistics"),
            dealer_id=dealer_id,
        )
        return (await self.desk.agent.call("customer.v1.CustomerService/CreateCustomer", request)).customer_id

    async def tie(self, kind, one, other, client=None, **more):
        tie = customer_tie_pb2.CustomerTie(kind=kind, customer_id=one, other_customer_id=other, **more)
        request = customer_tie_service_pb2.CreateCustomerTieRequest(tie=tie)
        return await (client or self.desk.agent).call(f"{SERVICE}/CreateCustomerTie", request)

    async def end(self, tie, **more):
        request = customer_tie_service_pb2.EndCustomerTieRequest(tie_id=tie.tie_id, reason="MOVED", **more)
        return await self.desk.agent.call(f"{SERVICE}/EndCustomerTie", request)

    async def listed(self, customer_id, client=None, **more):
        request = customer_tie_service_pb2.ListCustomerTiesRequest(customer_id=customer_id, **more)
        return (await (client or self.desk.agent).call(f"{SERVICE}/ListCustomerTies", request)).ties

    async def household(self, customer_id, client=None):
        request = customer_tie_service_pb2.GetHouseholdRequest(customer_id=customer_id)
        return await (client or self.desk.agent).call(f"{SERVICE}/GetHousehold", request)

    async def people(self, customer_id, client=None):
        return {one.customer_id for one in (await self.household(customer_id, client)).members}

    async def organisation(self, customer_id, client=None):
        request = customer_tie_service_pb2.GetOrganisationProfileRequest(customer_id=customer_id)
        return await (client or self.desk.agent).call(f"{SERVICE}/GetOrganisationProfile", request)

    async def merge(self, into, gone):
        request = identity_service_pb2.MergeCustomersRequest(customer_id=into, from_customer_id=gone, reasons=["SUITE"])
        return await self.desk.agent.call("customer.v1.IdentityService/MergeCustomers", request)

    async def unmerge(self, merge):
        request = identity_service_pb2.UnmergeCustomersRequest(merge_id=merge.merge_id, reason="TWO")
        await self.desk.agent.call("customer.v1.IdentityService/UnmergeCustomers", request)

    async def refused(self, reason, *args, **more):
        with pytest.raises(RpcFailure) as failure:
            await self.tie(*args, **more)
        assert failure.value.reason == reason


@pytest.fixture
def ties(desk):
    return Ties(desk)


class TestWhatMayBeTied:
    async def test_a_person_is_no_organisation_and_no_firm_lives_in_a_household(self, ties):
        person, other, firm = await ties.person(), await ties.person(), await ties.firm()
        for kind, one, two in (
            (HOUSEHOLD, person, firm),
            (CONTACT, firm, person),
            (CONTACT, person, other),
            (PART_OF, person, firm),
        ):
            with pytest.raises(RpcFailure) as failure:
                await ties.tie(kind, one, two)
            assert failure.value.code == "INVALID_ARGUMENT"

    async def test_nobody_is_tied_to_themselves(self, ties):
        person = await ties.person()
        with pytest.raises(RpcFailure) as failure:
            await ties.tie(HOUSEHOLD, person, person)
        assert failure.value.code == "INVALID_ARGUMENT"

    async def test_role_of_a_contact_is_none_of_a_household(self, ties):
        with pytest.raises(RpcFailure) as failure:
            await ties.tie(HOUSEHOLD, await ties.person(), await ties.person(), role=customer_tie_pb2.TIE_ROLE_BUYER)
        assert failure.value.code == "INVALID_ARGUMENT"

    async def test_two_are_tied_once_in_each_way_whoever_says_it_first(self, ties):
        one, other = await ties.person(), await ties.person()
        answers = await asyncio.gather(
            *(ties.tie(HOUSEHOLD, *pair) for pair in [(one, other), (other, one)] * 3), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in answers) == ["CustomerTie", *["RpcFailure"] * 5]
        assert {one.reason for one in answers if isinstance(one, RpcFailure)} == {"TIE_TAKEN"}

    async def test_an_organisation_is_no_part_of_its_own_part(self, ties):
        group, company, branch = [await ties.firm() for _ in range(3)]
        await ties.tie(PART_OF, company, group)
        await ties.tie(PART_OF, branch, company)
        await ties.refused("TIE_CYCLE", PART_OF, group, branch)
        await ties.refused("TIE_TAKEN", PART_OF, branch, group)  # it has its whole already

    async def test_referrals_at_once_make_no_circle(self, ties):
        three = [await ties.person() for _ in range(3)]
        pairs = list(zip(three, [*three[1:], three[0]], strict=True))
        answers = await asyncio.gather(*(ties.tie(REFERRED_BY, *pair) for pair in pairs), return_exceptions=True)
        assert [one.reason for one in answers if isinstance(one, RpcFailure)] == ["TIE_CYCLE"]

    async def test_merge_closes_no_circle_unseen(self, ties):
        top, middle, low, double = [await ties.firm() for _ in range(4)]
        await ties.tie(PART_OF, middle, top)
        await ties.tie(PART_OF, low, double)
        await ties.merge(middle, double)
        await ties.refused("TIE_CYCLE", PART_OF, top, low)

    async def test_an_ended_tie_ends_once_and_may_be_made_again(self, ties):
        one, other = await ties.person(), await ties.person()
        tie = await ties.tie(HOUSEHOLD, one, other)
        with pytest.raises(RpcFailure) as failure:
            await ties.end(tie, etag="v9")
        assert failure.value.reason == "ETAG_MISMATCH"
        await ties.end(tie)
        with pytest.raises(RpcFailure) as failure:
            await ties.end(tie)
        assert failure.value.reason == "TIE_ENDED"
        assert await ties.people(one) == {one}
        again = await ties.tie(HOUSEHOLD, one, other)
        assert [tie.tie_id for tie in await ties.listed(one)] == [again.tie_id]
        assert len(await ties.listed(one, with_ended=True)) == 2


class TestHousehold:
    async def test_whoever_is_tied_over_others_lives_there_too(self, ties):
        people = [await ties.person() for _ in range(4)]
        for one, other in itertools.pairwise(people):
            await ties.tie(HOUSEHOLD, other, one, role=customer_tie_pb2.TIE_ROLE_CHILD)
        found = await ties.household(people[0])
        assert [one.customer_id for one in found.members] == people
        assert [list(one.roles) for one in found.members][:2] == [[], [customer_tie_pb2.TIE_ROLE_CHILD]]
        assert not found.incomplete

    async def test_merged_members_are_one_and_two_again(self, ties):
        head, partner, child, stranger = [await ties.person() for _ in range(4)]
        await ties.tie(HOUSEHOLD, partner, head)
        await ties.tie(HOUSEHOLD, child, stranger)
        before = [await ties.people(one) for one in (head, stranger)]
        merge = await ties.merge(head, stranger)
        assert await ties.people(stranger) == {head, partner, child}
        within = await ties.merge(head, partner)
        assert await ties.people(head) == {head, child}
        assert {one.customer_id for one in await ties.listed(head)} == {child}
        await ties.unmerge(within)
        await ties.unmerge(merge)
        assert [await ties.people(one) for one in (head, stranger)] == before

    async def test_dealer_is_told_of_whom_it_knows_and_that_there_are_more(self, ties, desk):
        dealer = await desk.known_dealer()
        mine, hidden = await ties.person(dealer_id=dealer), await ties.person()
        await ties.tie(HOUSEHOLD, mine, hidden)
        found = await ties.household(mine, desk.dealer(dealer))
        assert ([one.customer_id for one in found.members], found.incomplete) == ([mine], True)
        assert list(await ties.listed(mine, desk.dealer(dealer))) == []
        with pytest.raises(RpcFailure) as failure:
            await ties.household(hidden, desk.dealer(dealer))
        assert failure.value.reason == "CUSTOMER_NOT_FOUND"
        await ties.refused("CUSTOMER_NOT_FOUND", HOUSEHOLD, mine, hidden, client=desk.dealer(dealer))

    async def test_erasure_of_one_leaves_no_tie_to_them(self, ties, desk):
        one, other = await ties.person(), await ties.person()
        tie = await ties.tie(HOUSEHOLD, one, other, title="Sister")
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=other, erasure_id=str(uuid.uuid4()))
        await desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)
        assert await ties.people(one) == {one}
        query = "SELECT count(*) FROM customer_ties WHERE tie_id = $1"
        assert (await desk.platform.sql("customer", query, uuid.UUID(tie.tie_id)))[0][0] == 0


class TestOrganisation:
    async def test_it_shows_contacts_and_the_cars_it_has_now(self, ties, desk, publisher):
        firm, buyer, driver = await ties.firm(), await ties.person(), await ties.person()
        await ties.tie(CONTACT, driver, firm, role=customer_tie_pb2.TIE_ROLE_DRIVER)
        await ties.tie(CONTACT, buyer, firm, role=customer_tie_pb2.TIE_ROLE_BUYER, primary=True, title="采购")
        now = datetime.now(UTC)
        for days in (30, 10, -10):
            started = ownership_events_pb2.OwnershipStarted(
                ownership_id=str(uuid.uuid4()), vin=uuid.uuid4().hex[:17].upper(), customer_id=firm, role=1
            )
            started.valid_start_time.FromDatetime(now - timedelta(days=days))
            if days == 30:
                started.valid_end_time.FromDatetime(now - timedelta(days=1))
            await publisher.heard(started)
        found = await ties.organisation(firm)
        assert [one.customer_id for one in found.contacts] == [buyer, driver]
        assert (found.fleet_count, len(found.fleet_vins), found.industry) == (1, 1, "logistics")

    async def test_profile_is_written_by_who_read_its_latest_state(self, ties, desk):
        firm = await ties.firm()

        async def put(etag="", **fields):
            profile = customer_tie_pb2.OrganisationProfile(customer_id=firm, etag=etag, **fields)
            request = customer_tie_service_pb2.PutOrganisationProfileRequest(profile=profile)
            return await desk.agent.call(f"{SERVICE}/PutOrganisationProfile", request)

        first = await put(employees=200, fleet_size=40)
        second = await put(first.etag, employees=250)
        assert (second.employees, second.HasField("fleet_size")) == (250, False)
        with pytest.raises(RpcFailure) as failure:
            await put(first.etag, employees=1)
        assert failure.value.reason == "ETAG_MISMATCH"

    async def test_a_person_is_none(self, ties):
        with pytest.raises(RpcFailure) as failure:
            await ties.organisation(await ties.person())
        assert failure.value.reason == "ORGANISATION_WANTED"
