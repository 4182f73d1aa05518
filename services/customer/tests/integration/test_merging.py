"""Merging two customers and undoing it: one to everybody while it stands, afterwards as if it had never been."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from marque.customer.v1 import (
    consent_pb2,
    consent_service_pb2,
    contact_point_pb2,
    contact_point_service_pb2,
    customer_look_up_pb2,
    customer_service_pb2,
    identity_service_pb2,
    interaction_pb2,
    interaction_service_pb2,
)
from marque.type.v1 import personal_data_pb2
from marque.vehicle.v1 import ownership_events_pb2, sale_events_pb2
from servicekit.testing.client import RpcFailure

IDENTITY, CONSENTS = "customer.v1.IdentityService", "customer.v1.ConsentService"
POINTS = "customer.v1.ContactPointService"
MOVES = ("etag", "update_time")


async def merge(desk, into, gone, client=None, **more):
    request = identity_service_pb2.MergeCustomersRequest(
        customer_id=into, from_customer_id=gone, reasons=more.pop("reasons", ["SAME_PHONE"]), **more
    )
    return await (client or desk.agent).call(f"{IDENTITY}/MergeCustomers", request)


async def unmerge(desk, merge_id, **more):
    request = identity_service_pb2.UnmergeCustomersRequest(merge_id=merge_id, reason="TWO_PEOPLE", **more)
    return await desk.agent.call(f"{IDENTITY}/UnmergeCustomers", request)


async def refused(coroutine):
    with pytest.raises(RpcFailure) as caught:
        await coroutine
    failure = caught.value
    return next(iter(failure.fields.values()), failure.reason)


def bare(customer):
    copy = type(customer)()
    copy.CopyFrom(customer)
    for name in MOVES:
        copy.ClearField(name)
    return copy


async def consent(desk, customer_id, verb, **more):
    entry = consent_pb2.ConsentEntry(
        purpose=consent_pb2.CONSENT_PURPOSE_MARKETING, channel=1, text_version="2026-1", source="call", **more
    )
    entry.controller.kind = consent_pb2.CONSENT_CONTROLLER_KIND_OEM
    kind = getattr(consent_service_pb2, f"{verb}ConsentRequest")
    return await desk.agent.call(f"{CONSENTS}/{verb}Consent", kind(customer_id=customer_id, entry=entry))


async def answer(desk, customer_id, known=None):
    request = consent_service_pb2.CheckConsentRequest(
        customer_id=customer_id, purpose=consent_pb2.CONSENT_PURPOSE_MARKETING, channel=1,
        controller_kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM, known_time=known,
    )  # fmt: skip
    found = await desk.agent.call(f"{CONSENTS}/CheckConsent", request)
    return found.reason, found.known_time


async def reason(desk, customer_id, known=None):
    return (await answer(desk, customer_id, known))[0]


async def touches(desk, customer_id, client=None):
    request = interaction_service_pb2.ListInteractionsRequest(customer_id=customer_id, page_size=1000)
    found = await (client or desk.agent).call("customer.v1.InteractionService/ListInteractions", request)
    return [(item.interaction_id, item.subject, item.subject_key) for item in found.interactions]


async def log(desk, customer_id, subject):
    touch = interaction_pb2.Interaction(
        customer_id=customer_id, kind=interaction_pb2.INTERACTION_KIND_CALL,
        direction=interaction_pb2.INTERACTION_DIRECTION_INBOUND, subject=subject,
    )  # fmt: skip
    request = interaction_service_pb2.LogInteractionRequest(interaction=touch)
    await desk.agent.call("customer.v1.InteractionService/LogInteraction", request)


async def update(desk, customer_id, client=None, **values):
    request = customer_service_pb2.UpdateCustomerRequest(verified_fields=values.pop("verified", []))
    request.customer.customer_id = customer_id
    for name, value in values.items():
        if isinstance(value, list):
            getattr(request.customer, name).extend(value)
        else:
            setattr(request.customer, name, value)
        request.update_mask.paths.append(name)
    return await (client or desk.agent).call("customer.v1.CustomerService/UpdateCustomer", request)


@pytest.fixture
async def two(desk):
    """Two customers of different dealers, with everything that a merge touches."""
    dealers = [await desk.known_dealer(), await desk.known_dealer()]
    one = await desk.create(
        name="王伟", phones=[desk.phone()], dealer_id=dealers[0], occupation="baker", tags=["vip"], interests=["golf"]
    )
    other = await desk.create(
        name="Wang Wei", phones=[desk.phone()], emails=[f"{uuid.uuid4().hex}@example.com"], dealer_id=dealers[1],
        gender=2, tags=["fleet"],
    )  # fmt: skip
    await log(desk, one.customer_id, "asked of one")
    await log(desk, other.customer_id, "asked of other")
    return one.customer_id, other.customer_id, dealers


class TestMerge:
    async def test_merged_customer_is_answered_by_the_survivor_with_what_both_have(self, desk, two):
        into, gone, dealers = two
        before = await desk.get(desk.agent, gone)
        merged = await merge(desk, into, gone)
        read = await desk.get(desk.agent, gone)
        assert (merged.customer_id, merged.merged_customer_id, read.customer_id) == (into, gone, into)
        assert {point.value for point in before.contact_points} <= {point.value for point in read.contact_points}
        assert (read.gender, read.occupation) == (2, "baker")
        assert list(read.tags) == ["vip", "fleet"]
        assert [subject for _, subject, _ in await touches(desk, gone)] == ["asked of other", "asked of one"]
        assert {relation.dealer_id for relation in await desk.relations(desk.agent, into)} == set(dealers)

    async def test_both_dealers_see_the_survivor_and_find_it_by_either_phone(self, desk, two):
        into, gone, dealers = two
        phones = [(await desk.get(desk.agent, one)).contact_points[0].value for one in (into, gone)]
        await merge(desk, into, gone)
        for dealer in dealers:
            client = desk.dealer(dealer)
            assert [one.customer_id for one in await desk.listed(client)] == [into]
            for phone in phones:
                assert await desk.found(client, phone[-8:]) == [into]
        request = customer_look_up_pb2.LookUpCustomerRequest(phone=phones[1], dealer_id=dealers[0])
        found = await desk.dealer(dealers[0]).call("customer.v1.CustomerService/LookUpCustomer", request)
        assert [match.customer.customer_id for match in found.matches] == [into]

    async def test_owner_of_the_merged_record_sees_the_survivor(self, desk, two):
        into, gone, _ = two
        await merge(desk, into, gone)
        assert (await desk.get(desk.owner(gone), gone)).customer_id == into
        assert (await desk.get(desk.owner(gone), into)).customer_id == into

    async def test_what_cannot_be_merged_is_refused_with_its_reason(self, desk, two):
        into, gone, _ = two
        company = await desk.agent.call(
            "customer.v1.CustomerService/CreateCustomer",
            customer_service_pb2.CreateCustomerRequest(customer={"kind": 2, "organisation_name": "Wei & Co"}),
        )
        assert await refused(merge(desk, into, into)) == "MERGE_SELF"
        assert await refused(merge(desk, into, str(uuid.uuid4()))) == "CUSTOMER_NOT_FOUND"
        assert await refused(merge(desk, into, company.customer_id)) == "MERGE_KINDS"
        assert await refused(merge(desk, into, gone, etag="v999")) == "ETAG_MISMATCH"
        assert await refused(merge(desk, into, gone, client=desk.dealer(two[2][0]))) == "PERMISSION_DENIED"
        await merge(desk, into, gone)
        assert await refused(merge(desk, gone, into)) == "MERGE_CYCLE"
        third = (await desk.create(name="Third")).customer_id
        assert await refused(merge(desk, gone, third)) == "CUSTOMER_MERGED"
        assert await refused(merge(desk, third, gone)) == "CUSTOMER_MERGED"
        assert await refused(update(desk, gone, occupation="x")) == "CUSTOMER_MERGED"
        erased = (await desk.create(name="Erased")).customer_id
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=erased, erasure_id=str(uuid.uuid4()))
        await desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)
        assert await refused(merge(desk, into, erased)) == "CUSTOMER_ERASED"
        assert (await merge(desk, into, company.customer_id, across_kinds=True)).merge_id

    async def test_merging_again_gives_the_same_merge_and_changes_nothing(self, desk, two):
        into, gone, _ = two
        first = await merge(desk, into, gone)
        read = await desk.get(desk.agent, into)
        assert await merge(desk, into, gone) == first
        assert await desk.get(desk.agent, into) == read
        assert len(await desk.events("CustomersMerged", into)) == 1

    async def test_two_merges_against_each_other_at_once_leave_one(self, desk, two):
        into, gone, _ = two
        answers = await asyncio.gather(
            merge(desk, into, gone), merge(desk, gone, into), merge(desk, into, gone), return_exceptions=True
        )
        done = {one.merge_id for one in answers if not isinstance(one, Exception)}
        refusals = {one.reason for one in answers if isinstance(one, Exception)}
        assert len(done) == 1
        assert refusals <= {"MERGE_CYCLE", "CUSTOMER_MERGED", "CONCURRENT_CHANGE"}

    async def test_many_pairs_are_merged_and_a_bad_one_holds_up_no_other(self, desk):
        ids = [(await desk.create(name=f"Many {n}")).customer_id for n in range(4)]
        pairs = [(ids[0], ids[1]), (ids[0], ids[0]), (ids[2], ids[0]), (ids[1], ids[3])]
        request = identity_service_pb2.BatchMergeCustomersRequest(request_id=uuid.uuid4().hex)
        for into, gone in pairs:
            request.pairs.add(customer_id=into, from_customer_id=gone, reasons=["SAME_NAME"])
        answered = await desk.agent.call(f"{IDENTITY}/BatchMergeCustomers", request)
        assert [one.reason for one in answered.outcomes] == ["", "MERGE_SELF", "", "CUSTOMER_MERGED"]
        assert await desk.agent.call(f"{IDENTITY}/BatchMergeCustomers", request) == answered
        assert (await desk.get(desk.agent, ids[1])).customer_id == ids[2]


class TestUnmerge:
    async def test_both_are_byte_for_byte_what_they_were(self, desk, two):
        into, gone, dealers = two
        clients = [desk.agent, *(desk.dealer(dealer) for dealer in dealers)]
        before = [[await desk.sees(client, one) for one in (into, gone)] for client in clients]
        read = [bare(await desk.get(desk.agent, one)) for one in (into, gone)]
        lines = [await touches(desk, one) for one in (into, gone)]
        tables = await self.tables(desk, into, gone)
        merged = await merge(desk, into, gone)
        undone = await unmerge(desk, merged.merge_id)
        assert undone.unmerge_reason == "TWO_PEOPLE"
        assert [bare(await desk.get(desk.agent, one)) for one in (into, gone)] == read
        assert [await touches(desk, one) for one in (into, gone)] == lines
        assert [[await desk.sees(client, one) for one in (into, gone)] for client in clients] == before
        assert await self.tables(desk, into, gone) == tables
        assert await unmerge(desk, merged.merge_id) == undone

    async def tables(self, desk, *ids):
        held = [uuid.UUID(one) for one in ids]
        found = []
        for table in (
            "contact_points",
            "relations",
            "source_references",
            "interactions",
            "consent_entries",
            "known_cars",
        ):
            found.append(
                await desk.platform.sql(
                    "customer", f"SELECT t::text FROM {table} t WHERE customer_id = ANY($1) ORDER BY 1", held
                )
            )
        shown = "SELECT dealer_id, customer_id, create_time, kind, status FROM dealer_customers WHERE customer_id = ANY($1) ORDER BY 1, 2"
        found.append(await desk.platform.sql("customer", shown, held))
        row = "SELECT to_jsonb(c) - 'version' - 'update_time' - 'card' FROM customers c WHERE customer_id = ANY($1) ORDER BY customer_id"
        found.append(await desk.platform.sql("customer", row, held))
        return found

    async def test_unknown_merge_is_not_found(self, desk):
        assert await refused(unmerge(desk, str(uuid.uuid4()))) == "MERGE_NOT_FOUND"

    async def test_a_merge_below_another_is_undone_by_itself(self, desk):
        top, middle, low = [
            (await desk.create(name=name, tags=[name])).customer_id for name in ("top", "middle", "low")
        ]
        first = await merge(desk, middle, low)
        second = await merge(desk, top, middle)
        assert list((await desk.get(desk.agent, low)).tags) == ["top", "middle", "low"]
        await unmerge(desk, first.merge_id)
        assert list((await desk.get(desk.agent, middle)).tags) == ["top", "middle"]
        assert list((await desk.get(desk.agent, low)).tags) == ["low"]
        await unmerge(desk, second.merge_id)
        assert [list((await desk.get(desk.agent, one)).tags) for one in (top, middle)] == [["top"], ["middle"]]

    async def test_history_tells_every_merge_and_its_undoing(self, desk, two):
        into, gone, _ = two
        merges = []
        for _ in range(3):
            merges.append(await unmerge(desk, (await merge(desk, into, gone)).merge_id))
        for asked in (into, gone):
            request = identity_service_pb2.ListCustomerMergesRequest(customer_id=asked, page_size=2)
            page = await desk.agent.call(f"{IDENTITY}/ListCustomerMerges", request)
            request.page_token = page.next_page_token
            rest = await desk.agent.call(f"{IDENTITY}/ListCustomerMerges", request)
            assert [*page.merges, *rest.merges] == merges[::-1]

    async def test_edits_made_since_stay_with_whom_they_are_about(self, desk, two):
        into, gone, _ = two
        phone = (await desk.get(desk.agent, gone)).contact_points[0]
        merged = await merge(desk, into, gone)
        await update(desk, into, occupation="judge", tags=["vip", "new"])  # the other's tag is taken away
        point = contact_point_pb2.ContactPoint(kind=contact_point_pb2.CONTACT_POINT_KIND_PHONE, value=desk.phone())
        added = contact_point_service_pb2.AddContactPointRequest(customer_id=into, contact_point=point)
        await desk.agent.call(f"{POINTS}/AddContactPoint", added)
        verify = contact_point_service_pb2.VerifyContactPointRequest(
            customer_id=into, contact_point_id=phone.contact_point_id, method=1
        )
        await desk.agent.call(f"{POINTS}/VerifyContactPoint", verify)
        await log(desk, into, "while one")
        await unmerge(desk, merged.merge_id)
        one, other = [await desk.get(desk.agent, each) for each in (into, gone)]
        assert (one.occupation, list(one.tags), other.occupation, list(other.tags)) == ("judge", ["vip", "new"], "", [])
        assert [item.value for item in one.contact_points][-1] == point.value
        assert [item.value for item in other.contact_points if item.HasField("verify_time")] == [phone.value]
        assert "while one" in [subject for _, subject, _ in await touches(desk, into)]
        assert "while one" not in [subject for _, subject, _ in await touches(desk, gone)]

    async def test_what_others_report_under_an_id_belongs_to_that_id(self, desk, publisher, two):
        into, gone, _ = two
        merged = await merge(desk, into, gone)
        dealer, vin = await desk.known_dealer(), f"LVSHFFAL{uuid.uuid4().int % 10**9:09d}"
        sale = sale_events_pb2.SaleRecorded(sale_id=str(uuid.uuid4()), customer_id=gone, dealer_id=dealer, vin=vin)
        await publisher.heard(sale)
        car = ownership_events_pb2.OwnershipStarted(ownership_id=str(uuid.uuid4()), customer_id=gone, vin=vin, role=1)
        car.valid_start_time.GetCurrentTime()
        await publisher.heard(car)
        assert [one.customer_id for one in await desk.listed(desk.dealer(dealer))] == [into]
        assert await desk.found(desk.agent, vin) == [into]
        assert "sale.recorded" in [key for _, _, key in await touches(desk, into)]
        await unmerge(desk, merged.merge_id)
        assert [one.customer_id for one in await desk.listed(desk.dealer(dealer))] == [gone]
        assert await desk.found(desk.agent, vin) == [gone]
        assert "sale.recorded" not in [key for _, _, key in await touches(desk, into)]


class TestConsents:
    async def test_the_stricter_counts_and_unmerging_gives_each_its_own_back(self, desk, two):
        into, gone, _ = two
        await consent(desk, into, "Grant")
        await consent(desk, gone, "Withdraw")
        merged = await merge(desk, into, gone)
        assert await reason(desk, into) == "WITHDRAWN"
        assert await reason(desk, gone) == "WITHDRAWN"
        await unmerge(desk, merged.merge_id)
        assert (await reason(desk, into), await reason(desk, gone)) == ("GRANTED", "WITHDRAWN")

    async def test_a_withdrawal_made_while_one_stays_for_both_and_a_grant_for_the_giver(self, desk, two):
        into, gone, _ = two
        phone = (await desk.get(desk.agent, gone)).contact_points[0]
        merged = await merge(desk, into, gone)
        given = {"evidence_type": "customer.contact_point", "evidence_id": phone.contact_point_id}
        await consent(desk, into, "Grant", **given)
        assert (await reason(desk, into), await reason(desk, gone)) == ("GRANTED", "GRANTED")
        _, moment = await answer(desk, into)
        await unmerge(desk, merged.merge_id)
        assert (await reason(desk, into), await reason(desk, gone)) == ("NEVER_GRANTED", "GRANTED")
        assert await reason(desk, into, moment) == "GRANTED"  # what was answered then is answered for ever
        merged = await merge(desk, into, gone)
        await consent(desk, into, "Withdraw")
        await unmerge(desk, merged.merge_id)
        assert (await reason(desk, into), await reason(desk, gone)) == ("WITHDRAWN", "WITHDRAWN")

    async def test_an_old_link_of_the_merged_one_still_withdraws_for_both(self, desk, two):
        into, gone, _ = two
        await consent(desk, into, "Grant")
        merged = await merge(desk, into, gone)
        assert (await consent(desk, gone, "Withdraw")).customer_id == gone
        assert await reason(desk, into) == "WITHDRAWN"
        await unmerge(desk, merged.merge_id)
        assert (await reason(desk, into), await reason(desk, gone)) == ("WITHDRAWN", "WITHDRAWN")

    async def test_ledger_of_the_survivor_lists_the_entries_of_both_once(self, desk, two):
        into, gone, _ = two
        await consent(desk, into, "Grant")
        await consent(desk, gone, "Grant")
        await merge(desk, into, gone)
        await consent(desk, into, "Withdraw")
        request = consent_service_pb2.ListConsentsRequest(customer_id=gone, page_size=1)
        seen = []
        while True:
            page = await desk.agent.call(f"{CONSENTS}/ListConsents", request)
            seen += [(entry.customer_id, entry.action) for entry in page.entries]
            request.page_token = page.next_page_token
            if not request.page_token:
                break
        assert sorted(seen) == sorted([(into, 1), (gone, 1), (into, 2), (gone, 2)])


class TestErasure:
    async def test_erasing_the_merged_one_takes_what_was_its_own_from_the_survivor(self, desk, two):
        into, gone, _ = two
        before = await desk.get(desk.agent, into)
        merged = await merge(desk, into, gone)
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=gone, erasure_id=str(uuid.uuid4()))
        await desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)
        after = await desk.get(desk.agent, into)
        assert (list(after.contact_points), list(after.tags), after.gender) == (list(before.contact_points), ["vip"], 0)
        assert await refused(unmerge(desk, merged.merge_id)) == "CUSTOMER_ERASED"
