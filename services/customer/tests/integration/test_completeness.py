"""What is missing of a customer, and reports that follow every change by whatever path: writing, import, merge, erasure, new rules."""

import uuid

import pytest
from marque.customer.v1 import (
    customer_pb2,
    identity_service_pb2,
    profile_pb2,
    profile_service_pb2,
)
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "customer.v1.ProfileService"
NAME, REACHABLE, PHONE, OCCUPATION = (
    profile_pb2.PROFILE_FIELD_NAME,
    profile_pb2.PROFILE_FIELD_REACHABLE,
    profile_pb2.PROFILE_FIELD_PHONE,
    profile_pb2.PROFILE_FIELD_OCCUPATION,
)
BY_SOURCE, BY_DEALER, BY_CLERK = (
    profile_pb2.PROFILE_REPORT_GROUP_SOURCE,
    profile_pb2.PROFILE_REPORT_GROUP_DEALER,
    profile_pb2.PROFILE_REPORT_GROUP_CLERK,
)


async def missing(client, customer_id):
    request = profile_service_pb2.GetProfileCompletenessRequest(customer_id=customer_id)
    return await client.call(f"{SERVICE}/GetProfileCompleteness", request)


async def report(client, group, **filters):
    """The lines of a report, when everybody is counted."""
    request = profile_service_pb2.ListProfileCompletenessRequest(group_by=group, **filters)

    async def counted():
        answer = await client.call(f"{SERVICE}/ListProfileCompleteness", request)
        return None if answer.counting else answer

    answer = await until(counted, 30.0, "not everybody was counted")
    return {line.key: line for line in answer.lines}


async def counts(desk):
    """The counts as they stand, and as counting the marks anew gives them."""
    query = """
        SELECT d.dealer_id, d.staff_id, m.source, m.kind, m.stage, f.field, count(*) AS asked,
            count(*) FILTER (WHERE CASE WHEN f.field = 0 THEN m.missing <> '{}' ELSE f.field = ANY(m.missing) END) AS missing
        FROM profile_marks m, unnest(m.dealers, m.clerks) AS d (dealer_id, staff_id), unnest(0 || m.asked) AS f (field)
        GROUP BY 1, 2, 3, 4, 5, 6"""
    stand = await desk.platform.sql("customer", "SELECT * FROM profile_counts")
    return {tuple(row) for row in stand}, {tuple(row) for row in await desk.platform.sql("customer", query)}


class TestGetProfileCompleteness:
    async def test_tells_what_is_missing_at_once(self, desk):
        customer = await desk.create(name="林晓", emails=[f"{uuid.uuid4().hex}@example.com"])
        found = await missing(desk.agent, customer.customer_id)
        assert (set(found.required_fields), list(found.missing_fields)) == ({NAME, REACHABLE}, [])
        assert found.complete
        bare = await desk.create(name="林晓")
        found = await missing(desk.agent, bare.customer_id)
        assert (list(found.missing_fields), found.complete) == ([REACHABLE], False)

    async def test_customers_are_told_what_is_missing_of_themselves(self, desk):
        customer = await desk.create(name="林晓")
        owner = await missing(desk.owner(customer.customer_id), customer.customer_id)
        assert list(owner.missing_fields) == [REACHABLE]

    async def test_a_hidden_customer_is_not_found(self, desk):
        customer = await desk.create()
        with pytest.raises(RpcFailure) as refused:
            await missing(desk.dealer(await desk.known_dealer()), customer.customer_id)
        assert refused.value.reason == "CUSTOMER_NOT_FOUND"


class TestReports:
    async def test_follow_a_customer_through_change_merge_and_unmerge_and_tell_its_clerk(self, desk):
        dealer_id, clerk = await desk.known_dealer(), str(uuid.uuid4())
        sales = desk.platform.client("customer", "dealer.manager", subject=clerk, dealers=[dealer_id])
        bare = await desk.create(sales, name="贺兰", dealer_id=dealer_id)
        other = await desk.create(sales, name="贺兰", dealer_id=dealer_id, phones=[desk.phone()])
        lines = await report(sales, BY_DEALER)
        assert list(lines) == [dealer_id]
        assert (lines[dealer_id].customers, lines[dealer_id].complete) == (2, 1)
        assert {gap.field: (gap.required, gap.missing) for gap in lines[dealer_id].gaps} == {
            NAME: (2, 0), REACHABLE: (2, 1),
        }  # fmt: skip
        assert lines[dealer_id].share == 0.75
        assert (await report(sales, BY_CLERK))[clerk].customers == 2
        assert list(await report(sales, BY_SOURCE)) == ["dealer-desk"]
        merge = identity_service_pb2.MergeCustomersRequest(
            customer_id=bare.customer_id, from_customer_id=other.customer_id, reasons=["TOLD"]
        )
        merged = await desk.agent.call("customer.v1.IdentityService/MergeCustomers", merge)
        line = (await report(sales, BY_DEALER))[dealer_id]
        assert (line.customers, line.complete) == (1, 1)
        undo = identity_service_pb2.UnmergeCustomersRequest(merge_id=merged.merge_id, reason="TWO_PEOPLE")
        await desk.agent.call("customer.v1.IdentityService/UnmergeCustomers", undo)
        line = (await report(sales, BY_DEALER))[dealer_id]
        assert (line.customers, line.complete) == (2, 1)
        stand, anew = await counts(desk)
        assert stand == anew

    async def test_another_dealers_profiles_are_in_nobody_elses_report(self, desk):
        dealer_id, other_id = await desk.known_dealer(), await desk.known_dealer()
        await desk.create(desk.dealer(dealer_id), dealer_id=dealer_id)
        manager = desk.dealer(other_id, "dealer.manager")
        assert await report(manager, BY_DEALER) == {}
        assert await report(manager, BY_SOURCE, dealer_id=dealer_id) == {}
        assert dealer_id in await report(desk.agent, BY_DEALER)

    async def test_pages_hold_each_key_once(self, desk):
        for _ in range(3):
            dealer_id = await desk.known_dealer()
            await desk.create(desk.dealer(dealer_id), dealer_id=dealer_id)
        whole = list(await report(desk.agent, BY_DEALER, page_size=1000))
        found, token = [], ""
        while True:
            request = profile_service_pb2.ListProfileCompletenessRequest(
                group_by=BY_DEALER, page_size=2, page_token=token
            )
            page = await desk.agent.call(f"{SERVICE}/ListProfileCompleteness", request)
            found += [line.key for line in page.lines]
            token = page.next_page_token
            if not token:
                break
        assert found == whole == sorted(set(whole))

    async def test_who_is_erased_counts_no_more(self, desk):
        dealer_id = await desk.known_dealer()
        customer = await desk.create(desk.dealer(dealer_id), dealer_id=dealer_id)
        manager = desk.dealer(dealer_id, "dealer.manager")
        assert (await report(manager, BY_DEALER))[dealer_id].customers == 1
        await desk.platform.sql(
            "customer", "UPDATE customers SET status = 3 WHERE customer_id = $1", uuid.UUID(customer.customer_id)
        )
        assert await report(manager, BY_DEALER) == {}
        stand, anew = await counts(desk)
        assert stand == anew


class TestPutProfileRules:
    async def test_new_rules_hold_at_once_and_everybody_is_counted_by_them(self, desk):
        manager = desk.platform.client("customer", "oem.manager")
        before = await manager.call(f"{SERVICE}/GetProfileRules", profile_service_pb2.GetProfileRulesRequest())
        dealer_id = await desk.known_dealer()
        customer = await desk.create(
            desk.dealer(dealer_id), dealer_id=dealer_id, emails=[f"{uuid.uuid4().hex}@example.com"]
        )
        rules = profile_pb2.ProfileRules(etag=before.etag)
        rules.requirements.add(kind=customer_pb2.CUSTOMER_KIND_PERSON, fields=[PHONE, OCCUPATION])
        try:
            await manager.call(f"{SERVICE}/PutProfileRules", profile_service_pb2.PutProfileRulesRequest(rules=rules))
            assert list((await missing(desk.agent, customer.customer_id)).missing_fields) == [PHONE, OCCUPATION]
            # Whoever does not see such data is not told either whether it is there.
            care = await missing(desk.dealer(dealer_id, "dealer.care"), customer.customer_id)
            assert list(care.required_fields) == [PHONE]
            line = (await report(desk.agent, BY_DEALER, dealer_id=dealer_id))[dealer_id]
            assert [(gap.field, gap.required, gap.missing) for gap in line.gaps] == [
                (PHONE, 1, 1),
                (OCCUPATION, 1, 1),
            ]
            with pytest.raises(RpcFailure) as late:
                await manager.call(
                    f"{SERVICE}/PutProfileRules", profile_service_pb2.PutProfileRulesRequest(rules=rules)
                )
            assert late.value.reason == "ETAG_MISMATCH"
        finally:
            before.etag = ""
            await manager.call(f"{SERVICE}/PutProfileRules", profile_service_pb2.PutProfileRulesRequest(rules=before))

    @pytest.mark.parametrize(
        ("kind", "fields", "twice", "reason"),
        [
            (customer_pb2.CUSTOMER_KIND_PERSON, [profile_pb2.PROFILE_FIELD_INDUSTRY], False, "FIELD_OF_OTHER_KIND"),
            (customer_pb2.CUSTOMER_KIND_ORGANISATION, [NAME], False, "FIELD_OF_OTHER_KIND"),
            (customer_pb2.CUSTOMER_KIND_PERSON, [NAME], True, "REQUIREMENT_REPEATED"),
        ],
    )
    async def test_rules_that_nobody_could_meet_are_refused(self, desk, kind, fields, twice, reason):
        manager, rules = desk.platform.client("customer", "oem.manager"), profile_pb2.ProfileRules()
        for _ in range(1 + twice):
            rules.requirements.add(kind=kind, fields=fields)
        with pytest.raises(RpcFailure) as refused:
            await manager.call(f"{SERVICE}/PutProfileRules", profile_service_pb2.PutProfileRulesRequest(rules=rules))
        assert reason in refused.value.fields.values()
