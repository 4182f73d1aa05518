"""Where each value of a customer comes from, and which one survives when sources differ."""

from __future__ import annotations

import uuid

import pytest
from google.type import date_pb2
from marque.customer.v1 import customer_import_service_pb2 as rows_pb2
from marque.customer.v1 import customer_service_pb2, identity_service_pb2, provenance_pb2
from marque.type.v1 import import_pb2, person_name_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

IDENTITY = "customer.v1.IdentityService"
CUSTOMER, STAFF = provenance_pb2.STATEMENT_ORIGIN_CUSTOMER, provenance_pb2.STATEMENT_ORIGIN_MAKER_STAFF
IMPORTED = provenance_pb2.STATEMENT_ORIGIN_IMPORT


async def told(client, customer_id, *fields):
    request = identity_service_pb2.GetCustomerProvenanceRequest(customer_id=customer_id, fields=fields)
    found = await client.call(f"{IDENTITY}/GetCustomerProvenance", request)
    return {part.field: list(part.statements) for part in found.fields}


async def update(client, customer_id, *, verified=(), **values):
    request = customer_service_pb2.UpdateCustomerRequest(verified_fields=verified, update_mask={"paths": list(values)})
    request.customer.customer_id = customer_id
    for name, value in values.items():
        if hasattr(value, "CopyFrom"):
            getattr(request.customer, name).CopyFrom(value)
        else:
            setattr(request.customer, name, value)
    return await client.call("customer.v1.CustomerService/UpdateCustomer", request)


async def send(client, source, **fields):
    request = rows_pb2.ImportCustomersRequest(header=import_pb2.ImportStreamHeader(source=source))
    request.rows.add(source_key="k", full_name="王伟", **fields)
    return [part async for part in client.stream("customer.v1.CustomerImportService/ImportCustomers", [request])][-1]


class TestProvenance:
    async def test_what_the_owner_said_outlives_the_dealer_and_both_are_told(self, desk):
        dealer = await desk.known_dealer()
        counter = desk.dealer(dealer)
        made = await desk.create(counter, dealer_id=dealer, occupation="baker")
        await update(desk.owner(made.customer_id), made.customer_id, occupation="judge")
        after = await update(counter, made.customer_id, occupation="cook")
        assert after.occupation == "judge"
        first, second = (await told(desk.agent, made.customer_id, "occupation"))["occupation"]
        assert (first.golden, first.origin, first.trait, first.source) == (True, CUSTOMER, "judge", "customer")
        assert (second.golden, second.trait, second.source, second.dealer_id) == (False, "cook", "dealer-desk", dealer)

    async def test_verified_value_is_displaced_by_a_verified_one_only(self, desk):
        made = await desk.create()
        born, other = date_pb2.Date(year=1990, month=2, day=3), date_pb2.Date(year=1991, month=2, day=3)
        await update(desk.agent, made.customer_id, birth_date=born, verified=["birth_date"])
        owner = desk.owner(made.customer_id)
        assert (await update(owner, made.customer_id, birth_date=other)).birth_date == born
        again = await update(desk.agent, made.customer_id, birth_date=other, verified=["birth_date"])
        assert again.birth_date == other
        with pytest.raises(RpcFailure) as caught:
            await update(desk.agent, made.customer_id, occupation="x", verified=["gender"])
        assert caught.value.fields == {"verified_fields": "FIELD_NOT_SAID"}
        with pytest.raises(RpcFailure) as caught:
            await update(owner, made.customer_id, occupation="x", verified=["occupation"])
        assert caught.value.fields == {"verified_fields": "NOT_FOR_CUSTOMERS"}

    async def test_newer_word_of_equals_wins_and_repeating_is_no_statement(self, desk):
        dealer = await desk.known_dealer()
        counter = desk.dealer(dealer)
        made = await desk.create(counter, dealer_id=dealer, occupation="baker")
        assert (await update(desk.agent, made.customer_id, occupation="cook")).occupation == "cook"
        assert (await update(counter, made.customer_id, occupation="cook")).etag == "v2"
        said = (await told(desk.agent, made.customer_id, "occupation"))["occupation"]
        assert [(one.trait, one.golden) for one in said] == [("cook", True), ("baker", False)]

    async def test_file_does_not_undo_what_staff_corrected(self, desk):
        source, manager = f"s-{uuid.uuid4().hex[:12]}", desk.platform.client("customer", "oem.manager")
        await send(manager, source, occupation="baker", email="a@example.com", gender="m")
        query = "SELECT customer_id FROM source_references WHERE source = $1"
        customer_id = str((await desk.platform.sql("customer", query, source))[0]["customer_id"])
        await update(desk.agent, customer_id, occupation="judge")
        await send(manager, source, occupation="cook", gender="f")
        read = await desk.get(desk.agent, customer_id)
        assert (read.occupation, read.gender) == ("judge", 1)
        found = await told(desk.agent, customer_id)
        assert [(one.origin, one.trait) for one in found["occupation"]] == [(STAFF, "judge"), (IMPORTED, "cook")]
        assert [one.contact_point for one in found["contact_points"]] == ["a@example.com"]
        assert found["name"][0].name.full_name == "王伟"
        assert found["name"][0].source_key == "k"

    async def test_customer_from_before_statements_were_kept_loses_nothing(self, desk):
        made = await desk.create(occupation="baker", tags=["vip"])
        await desk.platform.sql(
            "customer", "DELETE FROM source_records WHERE customer_id = $1", uuid.UUID(made.customer_id)
        )
        (before,) = (await told(desk.agent, made.customer_id, "occupation"))["occupation"]
        assert (before.trait, before.source, before.golden) == ("baker", "", True)
        await update(desk.agent, made.customer_id, occupation="cook")
        found = await told(desk.agent, made.customer_id)
        assert [one.trait for one in found["occupation"]] == ["cook", "baker"]
        assert list((await desk.get(desk.agent, made.customer_id)).tags) == ["vip"]

    async def test_merged_customer_tells_of_whom_each_was_said(self, desk):
        one = await desk.create(name="王伟", occupation="baker", phones=[desk.phone()])
        other = await desk.create(name="王玮", gender=2)
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=one.customer_id, from_customer_id=other.customer_id, reasons=["CUSTOMER_SAID_SO"]
        )
        await desk.agent.call(f"{IDENTITY}/MergeCustomers", request)
        found = await told(desk.agent, other.customer_id)
        assert found["gender"][0].customer_id == other.customer_id
        assert {(part.customer_id, part.golden) for part in found["name"]} == {
            (one.customer_id, False),
            (other.customer_id, True),
        }
        assert found["contact_points"][0].customer_id == one.customer_id

    async def test_owner_reads_it_without_who_wrote_and_strangers_not_at_all(self, desk):
        made = await desk.create(name="王伟")
        assert (await told(desk.owner(made.customer_id), made.customer_id))["name"][
            0
        ].name == person_name_pb2.PersonName(full_name="王伟")
        reads = "SELECT 1 FROM audit_records WHERE resource_id = $1 AND action = 'read' AND method LIKE '%Provenance'"
        await until(lambda: desk.platform.sql("customer", reads, made.customer_id), 20.0, "the reading is not recorded")
        stranger = await desk.create()
        for client, code in (
            (desk.owner(stranger.customer_id), "NOT_FOUND"),
            (desk.dealer(str(uuid.uuid4())), "PERMISSION_DENIED"),
        ):
            with pytest.raises(RpcFailure) as caught:
                await told(client, made.customer_id)
            assert caught.value.code == code
