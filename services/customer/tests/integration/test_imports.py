"""Importing customers by stream: set-based, once per source and key, and telling what is wrong row by row."""

from __future__ import annotations

import uuid

import pytest
from marque.customer.v1 import customer_import_service_pb2 as service_pb2
from marque.customer.v1 import customer_service_pb2
from marque.type.v1 import import_pb2

IMPORT = "customer.v1.CustomerImportService/ImportCustomers"


async def send(client, source, rows, *, dry_run=False):
    header = import_pb2.ImportStreamHeader(source=source, dry_run=dry_run)
    requests = [service_pb2.ImportCustomersRequest(header=header, rows=rows)]
    return [answer async for answer in client.stream(IMPORT, requests)][-1]


def row(key, **fields):
    return service_pb2.CustomerImportRow(source_key=key, full_name=fields.pop("full_name", "王伟"), **fields)


def counts(answer):
    summary = answer.summary
    return summary.created, summary.updated, summary.unchanged, summary.rejected


@pytest.fixture
def importer(desk):
    return desk.platform.client("customer", "oem.manager")


@pytest.fixture
def source():
    return f"s-{uuid.uuid4().hex[:12]}"


async def customer_of(desk, source, key):
    query = "SELECT customer_id FROM source_references WHERE source = $1 AND source_key = $2"
    return str((await desk.platform.sql("customer", query, source, key))[0]["customer_id"])


class TestImportCustomers:
    async def test_row_becomes_the_same_customer_as_by_hand(self, desk, importer, source):
        phone = desk.phone()
        sent = row(
            "k1", full_name="诸葛亮", phone=phone[3:], email="KongMing@shu-han.cn", country_code="cn", province="四川", city="成都",
            address_line="武侯祠大街231号", birth_date="--07-23", gender="男", interests="棋; 琴", tags="vip", time_zone="Asia/Shanghai",
            messaging_provider="WeChat", messaging_id="kongming",
        )  # fmt: skip
        assert counts(await send(importer, source, [sent])) == (1, 0, 0, 0)
        read = await desk.get(desk.agent, await customer_of(desk, source, "k1"))
        assert (read.name.full_name, read.gender, read.birth_date.month) == ("诸葛亮", 2, 7)
        assert [point.value for point in read.contact_points] == [phone, "KongMing@shu-han.cn", "kongming"]
        assert (list(read.interests), list(read.tags), read.etag) == (["棋", "琴"], ["vip"], "v1")
        assert read.addresses[0].address.lines == ["武侯祠大街231号"]
        assert read.source_references[0].source_key == "k1"
        assert len(await desk.events("CustomerCreated", read.customer_id)) == 1
        for query in ("诸葛", "zhugeliang", phone[-6:]):
            assert read.customer_id in await desk.found(desk.agent, query)
        # The card that an import wrote is what a change by hand would write.
        update = customer_service_pb2.UpdateCustomerRequest()
        update.customer.customer_id, update.customer.occupation = read.customer_id, "chancellor"
        changed = await desk.agent.call("customer.v1.CustomerService/UpdateCustomer", update)
        for message in (read, changed):
            for name in ("occupation", "etag", "update_time"):
                message.ClearField(name)
        assert changed == read

    async def test_same_rows_again_change_nothing(self, desk, importer, source):
        rows = [row(f"k{n}", phone=desk.phone()) for n in range(20)]
        assert counts(await send(importer, source, rows)) == (20, 0, 0, 0)
        state = "SELECT (SELECT sum(version) FROM customers), (SELECT count(*) FROM outbox_messages), (SELECT count(*) FROM contact_points)"
        before = await desk.platform.sql("customer", state)
        assert counts(await send(importer, source, rows)) == (0, 0, 20, 0)
        assert await desk.platform.sql("customer", state) == before

    async def test_changed_row_writes_what_it_gives_and_keeps_the_rest(self, desk, importer, source):
        phones = [desk.phone(), desk.phone()]
        await send(importer, source, [row("k", phone=phones[0], occupation="baker")])
        answer = await send(importer, source, [row("k", full_name="王玮", phone=phones[1])])
        assert counts(answer) == (0, 1, 0, 0)
        read = await desk.get(desk.agent, await customer_of(desk, source, "k"))
        assert (read.name.full_name, read.occupation, read.etag) == ("王玮", "baker", "v2")
        assert [point.value for point in read.contact_points] == phones
        assert len(await desk.events("CustomerUpdated", read.customer_id)) == 1

    async def test_key_twice_in_a_part_is_applied_in_order(self, desk, importer, source):
        answer = await send(
            importer,
            source,
            [row("k", occupation="first"), row("k", occupation="second"), row("k", occupation="second")],
        )
        assert counts(answer) == (1, 1, 1, 0)
        assert (await desk.get(desk.agent, await customer_of(desk, source, "k"))).occupation == "second"

    @pytest.mark.parametrize(
        ("fields", "field", "reason"),
        [
            ({"full_name": ""}, "full_name", "NAME_MISSING"),
            ({"kind": "organisation", "full_name": "x"}, "organisation_name", "NAME_MISSING"),
            ({"phone": "12"}, "phone", "CONTACT_POINT_INVALID"),
            ({"phone": "13800138000"}, "phone", "CONTACT_POINT_INVALID"),
            ({"email": "a@"}, "email", "CONTACT_POINT_INVALID"),
            ({"messaging_id": "x"}, "messaging_provider", "CONTACT_POINT_INVALID"),
            ({"birth_date": "2001-02-29"}, "birth_date", "BIRTH_DATE_INVALID"),
            ({"gender": "maybe"}, "gender", "GENDER_UNKNOWN"),
            ({"country_code": "1a"}, "country_code", "COUNTRY_INVALID"),
            ({"time_zone": "Nowhere"}, "time_zone", "TIME_ZONE_UNKNOWN"),
            ({"dealer_code": "no such"}, "dealer_code", "DEALER_UNKNOWN"),
            ({"tags": "t" * 51}, "tags", "LIST_TOO_LONG"),
        ],
    )
    async def test_bad_row_is_named_and_its_neighbours_are_written(self, importer, source, fields, field, reason):
        answer = await send(importer, source, [row("good"), row("bad", **fields), row("fine")])
        assert counts(answer) == (2, 0, 0, 1)
        (refused,) = answer.rejected
        assert (refused.row, refused.key) == (2, "bad")
        assert [(error.field.rpartition(".")[2], error.reason) for error in refused.errors] == [(field, reason)]

    async def test_dry_run_writes_nothing(self, desk, importer, source):
        assert counts(await send(importer, source, [row("k")], dry_run=True)) == (1, 0, 0, 0)
        assert await desk.platform.sql("customer", "SELECT 1 FROM source_references WHERE source = $1", source) == []

    async def test_dealers_system_begins_its_relation_and_cannot_touch_others(self, desk, importer, source):
        mine, other = await desk.known_dealer(), await desk.known_dealer()
        system = desk.dealer(mine, "dealer.system")
        assert counts(await send(system, source, [row("k")])) == (1, 0, 0, 0)
        customer = await customer_of(desk, source, "k")
        assert [customer] == [found.customer_id for found in await desk.listed(system)]
        stranger = desk.dealer(other, "dealer.system")
        assert counts(await send(stranger, source, [row("k", occupation="baker")])) == (1, 0, 0, 0)
        assert [found.customer_id for found in await desk.listed(stranger)] != [customer]
        assert [found.occupation for found in await desk.listed(system)] == [""]
        both = desk.platform.client("customer", "dealer.system", dealers=[mine, other])
        answer = await send(both, source, [row("k3")])
        assert [error.reason for error in answer.rejected[0].errors] == ["DEALER_MISSING"]
        code = (
            await desk.platform.sql("customer", "SELECT code FROM known_dealers WHERE dealer_id = $1", uuid.UUID(mine))
        )[0]["code"]
        answer = await send(stranger, source, [row("k2", dealer_code=code)])
        assert [error.reason for error in answer.rejected[0].errors] == ["DEALER_UNKNOWN"]
        assert counts(await send(importer, source, [row("k3", dealer_code=code)])) == (1, 0, 0, 0)
        assert await desk.sees(system, await customer_of(desk, source, "k3"))
