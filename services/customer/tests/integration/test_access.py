"""Who sees which customer (docs/access.md): own, related, other dealer, group, region, owner, maker, marketing."""

from __future__ import annotations

import uuid

import pytest
from marque.customer.v1 import customer_look_up_pb2
from servicekit.testing.client import RpcFailure

LOOK_UP = "customer.v1.CustomerService/LookUpCustomer"


async def look_up(client, **key):
    return await client.call(LOOK_UP, customer_look_up_pb2.LookUpCustomerRequest(**key))


class TestVisibility:
    async def test_dealer_sees_a_customer_only_through_a_relation(self, desk):
        mine, other = await desk.known_dealer(), await desk.known_dealer()
        made = await desk.create(desk.dealer(mine), name="Xaverius Uniquely")
        for client, visible in ((desk.dealer(mine), True), (desk.dealer(other), False)):
            assert await desk.sees(client, made.customer_id) is visible
            assert [found.customer_id for found in await desk.listed(client)] == ([made.customer_id] if visible else [])
            assert await desk.found(client, "xaverius") == ([made.customer_id] if visible else [])
        with pytest.raises(RpcFailure) as failure:
            await desk.relations(desk.dealer(other), made.customer_id)
        assert failure.value.reason == "CUSTOMER_NOT_FOUND"

    async def test_group_and_region_see_through_the_relations_of_their_dealers(self, desk):
        group, region = f"G{uuid.uuid4().hex[:8]}", f"R{uuid.uuid4().hex[:8]}"
        seller, sister = await desk.known_dealer(region=region, group=group), await desk.known_dealer(group=group)
        made = await desk.create(desk.dealer(seller), name="Wolfhard Groupwise")
        assert await desk.sees(desk.dealer(sister, dealer_group=group), made.customer_id)
        assert not await desk.sees(desk.dealer(sister), made.customer_id)
        manager = desk.platform.client("customer", "oem.region", region=region)
        stranger = desk.platform.client("customer", "oem.region", region="elsewhere")
        assert await desk.found(manager, "groupwise") == [made.customer_id]
        assert [found.customer_id for found in await desk.listed(manager)] == [made.customer_id]
        assert not await desk.sees(stranger, made.customer_id)
        assert await desk.listed(stranger) == []

    async def test_group_named_by_a_caller_who_is_no_dealer_gives_nothing(self, desk):
        group = f"G{uuid.uuid4().hex[:8]}"
        made = await desk.create(dealer_id=await desk.known_dealer(group=group))
        outsider = desk.platform.client("customer", "owner", customer=str(uuid.uuid4()), dealer_group=group)
        assert not await desk.sees(outsider, made.customer_id)

    async def test_owner_sees_only_themselves(self, desk):
        me, other = await desk.create(occupation="baker"), await desk.create()
        assert (await desk.get(desk.owner(me.customer_id), me.customer_id)).occupation == "baker"
        assert not await desk.sees(desk.owner(me.customer_id), other.customer_id)

    async def test_marketing_lists_attributes_without_names_and_contacts(self, desk):
        dealer = await desk.known_dealer()
        await desk.create(
            dealer_id=dealer, phones=[desk.phone()], occupation="pilot", addresses=[{"address": {"city": "上海"}}]
        )
        (seen,) = await desk.listed(desk.platform.client("customer", "oem.marketing"), dealer_id=dealer)
        assert (seen.occupation, seen.name.full_name, len(seen.contact_points), len(seen.addresses)) == (
            "pilot",
            "",
            0,
            0,
        )
        assert {"name", "contact_points", "addresses", "birth_date"} <= set(seen.masked_fields)

    async def test_reads_of_personal_fields_are_audited(self, desk):
        made = await desk.create()
        reader = desk.platform.client("customer", "oem.agent", subject=f"reader-{uuid.uuid4()}")
        await desk.get(reader, made.customer_id)
        query = (
            "SELECT fields FROM audit_records WHERE resource_id = $1 AND action = 'read' AND principal LIKE 'reader-%'"
        )

        async def written():
            return await desk.platform.sql("customer", query, made.customer_id)

        rows = await until(written)
        assert {"name", "contact_points"} <= set(rows[0]["fields"])

    async def test_a_list_leaves_one_record_that_names_all_it_showed(self, desk):
        dealer = await desk.known_dealer()
        made = {(await desk.create(dealer_id=dealer)).customer_id for _ in range(3)}
        subject = f"lister-{uuid.uuid4()}"
        await desk.listed(desk.platform.client("customer", "oem.agent", subject=subject), dealer_id=dealer)
        query = "SELECT resource_id, resource_ids, fields FROM audit_records WHERE action = 'read' AND principal = $1"

        async def written():
            return await desk.platform.sql("customer", query, subject)

        (row,) = await until(written)
        assert (row["resource_id"], set(row["resource_ids"])) == ("", made)
        assert {"name", "contact_points"} <= set(row["fields"])
        about = await desk.platform.sql(
            "customer",
            "SELECT principal FROM audit_records WHERE resource_ids @> ARRAY[$1] AND action = 'read'",
            made.pop(),
        )
        assert subject in {found["principal"] for found in about}


async def until(check):
    from servicekit.testing.platform import until as wait

    return await wait(check, 10.0, "nothing was written")


class TestLookUp:
    async def test_exact_phone_at_the_counter_begins_the_relation_and_is_audited(self, desk):
        dealer, phone = await desk.known_dealer(), desk.phone()
        made = await desk.create(phones=[phone])
        client = desk.dealer(dealer)
        assert not await desk.sees(client, made.customer_id)
        answer = await look_up(client, phone=phone[3:])
        assert [match.customer.customer_id for match in answer.matches] == [made.customer_id]
        assert (answer.matches[0].relation.kind, answer.matches[0].relation.dealer_id) == (6, dealer)
        assert await desk.sees(client, made.customer_id)
        assert await desk.found(client, phone[-4:]) == [made.customer_id]
        again = await look_up(client, phone=phone)
        assert again.matches[0].relation.relation_id == answer.matches[0].relation.relation_id
        assert len(await desk.events("RelationStarted", answer.matches[0].relation.relation_id)) == 1
        trail = await desk.platform.sql(
            "customer",
            "SELECT fields FROM audit_records WHERE action = 'look_up' AND resource_id = $1",
            made.customer_id,
        )
        assert [row["fields"] for row in trail] == [["phone"], ["phone"]]

    async def test_unknown_phone_answers_nothing_and_is_audited_all_the_same(self, desk):
        subject = f"desk-{uuid.uuid4()}"
        client = desk.platform.client(
            "customer", "dealer.service", subject=subject, dealers=[await desk.known_dealer()]
        )
        assert len((await look_up(client, phone=desk.phone())).matches) == 0
        trail = await desk.platform.sql(
            "customer",
            "SELECT 1 FROM audit_records WHERE action = 'look_up' AND principal = $1 AND resource_id = ''",
            subject,
        )
        assert len(trail) == 1

    @pytest.mark.parametrize(
        ("key", "field", "reason"),
        [({"phone": "1234"}, "phone", "PHONE_INVALID"), ({"vin": "LSVAA"}, "vin", "VIN_INVALID")],
    )
    async def test_part_of_a_key_is_refused(self, desk, key, field, reason):
        with pytest.raises(RpcFailure) as failure:
            await look_up(desk.dealer(await desk.known_dealer()), **key)
        assert failure.value.fields == {field: reason}

    async def test_dealer_cannot_look_up_for_another_dealer(self, desk):
        with pytest.raises(RpcFailure) as failure:
            await look_up(
                desk.dealer(await desk.known_dealer()), phone=desk.phone(), dealer_id=await desk.known_dealer()
            )
        assert failure.value.fields == {"dealer_id": "DEALER_NOT_YOURS"}
