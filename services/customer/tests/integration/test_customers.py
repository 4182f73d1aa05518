"""Creating, reading, changing and listing customers against a real database."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type import date_pb2
from marque.customer.v1 import customer_events_pb2, customer_pb2, customer_service_pb2
from marque.type.v1 import person_name_pb2
from servicekit.testing.client import RpcFailure

CREATE, UPDATE = "customer.v1.CustomerService/CreateCustomer", "customer.v1.CustomerService/UpdateCustomer"


def change(customer, paths=(), etag="", **fields):
    message = customer_pb2.Customer(customer_id=customer.customer_id, etag=etag, **fields)
    return customer_service_pb2.UpdateCustomerRequest(customer=message, update_mask=FieldMask(paths=paths))


class TestCreateCustomer:
    async def test_answer_equals_what_is_read_afterwards(self, desk):
        phone = desk.phone()
        made = await desk.create(
            name="欧阳娜娜",
            phones=[phone],
            emails=["Nana@Example-Mail.COM"],
            birth_date=date_pb2.Date(month=2, day=29),
            interests=["golf"],
            tags=["key-account"],
            time_zone="Asia/Shanghai",
            addresses=[{"address": {"country_code": "CN", "city": "上海", "lines": ["南京路1号"]}, "primary": True}],
            source_references=[{"source": "dms-a", "source_key": f"k-{phone}"}],
        )
        read = await desk.get(desk.agent, made.customer_id)
        assert read == made
        assert [point.value for point in read.contact_points] == [phone, "Nana@example-mail.com"]
        assert (read.name.full_name, read.birth_date.day, read.etag) == ("欧阳娜娜", 29, "v1")
        assert read.addresses[0].address.lines == ["南京路1号"]
        (event,) = await desk.events("CustomerCreated", made.customer_id)
        created = customer_events_pb2.CustomerCreated.FromString(event["payload"])
        assert (created.source, created.aggregate_version) == ("dms-a", 1)

    async def test_composes_the_whole_name_in_the_order_of_its_script(self, desk):
        request = customer_service_pb2.CreateCustomerRequest(customer=customer_pb2.Customer(kind=1))
        request.customer.name.family_name, request.customer.name.given_name = "王", "小明"
        assert (await desk.agent.call(CREATE, request)).name.full_name == "王小明"

    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"birth_date": date_pb2.Date(year=2001, month=2, day=29)}, "customer.birth_date", "BIRTH_DATE_INVALID"),
            ({"birth_date": date_pb2.Date(year=2999, month=1, day=1)}, "customer.birth_date", "BIRTH_DATE_INVALID"),
            ({"birth_date": date_pb2.Date(year=1899, month=12, day=31)}, "customer.birth_date", "BIRTH_DATE_INVALID"),
            ({"time_zone": "Mars/Olympus"}, "customer.time_zone", "TIME_ZONE_UNKNOWN"),
            ({"phones": ["12"]}, "customer.contact_points[0].value", "CONTACT_POINT_INVALID"),
            ({"phones": ["13800138000"]}, "customer.contact_points[0].value", "CONTACT_POINT_INVALID"),
            ({"emails": ["nobody"]}, "customer.contact_points[0].value", "CONTACT_POINT_INVALID"),
            ({"name": " \u200b "}, "customer.name", "NAME_MISSING"),
            ({"occupation": "a\x00b"}, "customer.occupation", "INVALID_TEXT"),
        ],
    )
    async def test_names_the_wrong_field(self, desk, fields, field, reason):
        with pytest.raises(RpcFailure) as failure:
            await desk.create(**fields)
        assert (failure.value.code, failure.value.fields.get(field)) == ("INVALID_ARGUMENT", reason)

    async def test_number_without_country_code_is_read_as_dialled_in_the_customers_country(self, desk):
        phone = desk.phone()
        made = await desk.create(phones=[phone[3:]], addresses=[{"address": {"country_code": "CN"}}])
        assert made.contact_points[0].value == phone

    async def test_retry_with_the_same_request_id_gives_the_first_answer(self, desk):
        key = str(uuid.uuid4())
        both = await asyncio.gather(*(desk.create(request_id=key) for _ in range(2)))
        assert both[0].customer_id == both[1].customer_id

    async def test_source_reference_of_another_customer_is_refused(self, desk):
        references = [{"source": "dms-b", "source_key": str(uuid.uuid4())}]
        await desk.create(source_references=references)
        with pytest.raises(RpcFailure) as failure:
            await desk.create(source_references=references)
        assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "SOURCE_REFERENCE_TAKEN")

    async def test_the_same_name_in_systems_of_two_dealers_is_two_customers_and_tells_neither_of_the_other(self, desk):
        one, other = await desk.known_dealer(), await desk.known_dealer()
        references = [{"source": "dms-b", "source_key": str(uuid.uuid4())}]
        made = [
            await desk.create(client=client, source_references=references)
            for client in (desk.dealer(one), desk.dealer(other), desk.agent)
        ]
        assert len({customer.customer_id for customer in made}) == 3
        with pytest.raises(RpcFailure) as failure:
            await desk.create(client=desk.dealer(one), source_references=references)
        assert failure.value.reason == "SOURCE_REFERENCE_TAKEN"

    async def test_whose_system_a_name_is_of_must_be_clear(self, desk):
        dealers = [await desk.known_dealer(), await desk.known_dealer()]
        client = desk.platform.client("customer", "dealer.sales", dealers=dealers)
        made = await desk.create(client=client, dealer_id=dealers[0], source_references=[])
        named = change(made, ["source_references"], source_references=[{"source": "dms-c", "source_key": "1"}])
        with pytest.raises(RpcFailure) as failure:
            await client.call(UPDATE, named)
        assert failure.value.fields == {"source_references": "DEALER_AMBIGUOUS"}

    async def test_a_dealer_takes_back_its_own_names_only(self, desk):
        dealer = await desk.known_dealer()
        theirs = {"source": "crm", "source_key": str(uuid.uuid4())}
        made = await desk.create(dealer_id=dealer, source_references=[theirs])
        client = desk.dealer(dealer)
        own = {"source": "dms-d", "source_key": "7"}
        added = await client.call(UPDATE, change(made, ["source_references"], source_references=[theirs, own]))
        assert {item.source for item in added.source_references} == {"crm", "dms-d"}
        emptied = await client.call(UPDATE, change(added, ["source_references"], source_references=[]))
        assert [item.source for item in emptied.source_references] == ["crm"]


class TestUpdateCustomer:
    async def test_changes_what_the_mask_names_and_nothing_else(self, desk):
        made = await desk.create(occupation="baker", industry="food")
        changed = await desk.agent.call(UPDATE, change(made, ["occupation"], occupation="pilot", industry="air"))
        assert (changed.occupation, changed.industry, changed.etag) == ("pilot", "food", "v2")
        assert await desk.get(desk.agent, made.customer_id) == changed
        (event,) = await desk.events("CustomerUpdated", made.customer_id)
        assert customer_events_pb2.CustomerUpdated.FromString(event["payload"]).changed_fields == ["occupation"]

    async def test_part_of_the_name_composes_the_whole_anew(self, desk):
        request = customer_service_pb2.CreateCustomerRequest(customer=customer_pb2.Customer(kind=1))
        request.customer.name.CopyFrom(person_name_pb2.PersonName(family_name="王", given_name="伟"))
        made = await desk.agent.call(CREATE, request)
        asked = change(made, ["name.family_name"], name=person_name_pb2.PersonName(family_name="李"))
        assert (await desk.agent.call(UPDATE, asked)).name.full_name == "李伟"

    async def test_what_is_equal_already_makes_no_new_version(self, desk):
        made = await desk.create(occupation="baker")
        assert (await desk.agent.call(UPDATE, change(made, occupation="baker"))).etag == "v1"
        assert await desk.events("CustomerUpdated", made.customer_id) == []

    @pytest.mark.parametrize(
        ("path", "field", "reason"),
        [
            ("nonsense", "update_mask", "FIELD_UNKNOWN"),
            ("contact_points", "customer.contact_points", "FIELD_NOT_WRITABLE"),
            ("kind", "customer.kind", "FIELD_NOT_WRITABLE"),
            ("create_time", "customer.create_time", "FIELD_NOT_WRITABLE"),
            ("occupation.first", "update_mask", "FIELD_UNKNOWN"),
        ],
    )
    async def test_refuses_paths_that_cannot_be_written(self, desk, path, field, reason):
        with pytest.raises(RpcFailure) as failure:
            await desk.agent.call(UPDATE, change(await desk.create(), [path]))
        assert failure.value.fields[field] == reason

    async def test_masked_field_cannot_be_written(self, desk):
        dealer = await desk.known_dealer()
        made = await desk.create(desk.dealer(dealer), occupation="baker")
        care = desk.dealer(dealer, "dealer.care")
        assert list((await desk.get(care, made.customer_id)).masked_fields) == [
            "occupation",
            "income_band",
            "interests",
        ]
        with pytest.raises(RpcFailure) as failure:
            await care.call(UPDATE, change(made, ["occupation"], occupation=""))
        assert failure.value.fields == {"customer.occupation": "FIELD_MASKED"}

    async def test_of_two_writers_with_the_same_etag_one_wins(self, desk):
        made = await desk.create()
        calls = (desk.agent.call(UPDATE, change(made, etag="v1", occupation=f"o{n}")) for n in range(2))
        results = await asyncio.gather(*calls, return_exceptions=True)
        failures = [result for result in results if isinstance(result, RpcFailure)]
        assert [(failure.code, failure.reason) for failure in failures] == [("ABORTED", "ETAG_MISMATCH")]
        assert (await desk.get(desk.agent, made.customer_id)).etag == "v2"

    async def test_renames_are_found_and_old_names_are_not(self, desk):
        made = await desk.create(name="Zebulon Quartermaine")
        await desk.agent.call(UPDATE, change(made, name=person_name_pb2.PersonName(full_name="Ignatius Featherstone")))
        assert await desk.found(desk.agent, "featherstone") == [made.customer_id]
        assert await desk.found(desk.agent, "quartermaine") == []


class TestReads:
    async def test_merged_id_gives_the_survivor(self, desk):
        first, second, third = [await desk.create() for _ in range(3)]
        for loser, winner in ((first, second), (second, third)):
            await desk.platform.sql(
                "customer",
                "UPDATE customers SET status = 2, merged_into = $2 WHERE customer_id = $1",
                uuid.UUID(loser.customer_id),
                uuid.UUID(winner.customer_id),
            )
        assert (await desk.get(desk.agent, first.customer_id)).customer_id == third.customer_id
        unknown = str(uuid.uuid4())
        request = customer_service_pb2.BatchGetCustomersRequest(
            customer_ids=[first.customer_id, third.customer_id, unknown]
        )
        answer = await desk.service.call("customer.v1.CustomerService/BatchGetCustomers", request)
        assert [customer.customer_id for customer in answer.customers] == [third.customer_id]
        assert dict(answer.surviving_customer_ids) == {first.customer_id: third.customer_id}
        assert answer.missing_customer_ids == [unknown]
        with pytest.raises(RpcFailure) as failure:
            await desk.agent.call(UPDATE, change(first, occupation="x"))
        assert failure.value.reason == "CUSTOMER_MERGED"

    @pytest.mark.parametrize("order", ["", "update_time", "create_time desc", "create_time"])
    async def test_pages_hold_every_customer_of_the_scope_once_in_order(self, desk, order):
        region = f"R{uuid.uuid4().hex[:8]}"
        dealers = [await desk.known_dealer(region=region) for _ in range(3)]
        made = [await desk.create(dealer_id=dealers[n % 3]) for n in range(7)]
        await desk.create(desk.dealer(dealers[1]), name="李四", phones=[desk.phone()])
        await desk.agent.call(UPDATE, change(made[0], occupation="x"))
        # One customer in relation with two dealers of the region stands once.
        await desk.platform.sql(
            "customer",
            "INSERT INTO dealer_customers SELECT $2, customer_id, update_time, create_time, kind, status FROM customers"
            " WHERE customer_id = $1",
            uuid.UUID(made[1].customer_id),
            uuid.UUID(dealers[2]),
        )
        manager = desk.platform.client("customer", "oem.region", region=region)
        found = await desk.listed(manager, page_size=3, order_by=order)
        assert len({customer.customer_id for customer in found}) == len(found) == 8
        column, _, direction = (order or "update_time desc").partition(" ")
        times = [getattr(customer, column).ToNanoseconds() for customer in found]
        assert times == sorted(times, reverse=direction == "desc")

    async def test_filters_narrow_a_list(self, desk):
        dealer = await desk.known_dealer()
        client = desk.dealer(dealer)
        tagged = await desk.create(client, tags=["vip"])
        await desk.create(client)
        assert [found.customer_id for found in await desk.listed(client, tag="vip")] == [tagged.customer_id]
        assert await desk.listed(client, kind=2) == []
        assert len(await desk.listed(desk.agent, dealer_id=dealer)) == 2
        assert await desk.listed(client, dealer_id=await desk.known_dealer()) == []
        assert await desk.listed(client, status=3) == []

    async def test_token_of_another_question_is_refused(self, desk):
        dealer = await desk.known_dealer()
        client = desk.dealer(dealer)
        for _ in range(2):
            await desk.create(client)
        page = await client.call(
            "customer.v1.CustomerService/ListCustomers", customer_service_pb2.ListCustomersRequest(page_size=1)
        )
        for request in ({"page_token": page.next_page_token, "kind": 1}, {"page_token": "AAAA"}):
            with pytest.raises(RpcFailure) as failure:
                await client.call(
                    "customer.v1.CustomerService/ListCustomers", customer_service_pb2.ListCustomersRequest(**request)
                )
            assert failure.value.fields == {"page_token": "PAGE_TOKEN_INVALID"}

    async def test_export_streams_all_and_goes_on_from_a_cursor(self, desk):
        made = [(await desk.create()).customer_id for _ in range(3)]
        name = "customer.v1.CustomerService/ExportCustomers"
        parts = [part async for part in desk.service.stream(name, customer_service_pb2.ExportCustomersRequest())]
        found = [customer.customer_id for part in parts for customer in part.customers]
        assert len(found) == len(set(found))
        assert set(made) <= set(found)
        rest = customer_service_pb2.ExportCustomersRequest(cursor=parts[-1].cursor)
        assert [part async for part in desk.service.stream(name, rest)] == []
