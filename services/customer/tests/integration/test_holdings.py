"""Holdings: written, renewed, ended, told of; due lists in whose sight they lie; imports that repeat."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.type import date_pb2, money_pb2
from marque.customer.v1 import (
    holding_events_pb2,
    holding_import_rows_pb2,
    holding_pb2,
    holding_service_pb2,
    identity_service_pb2,
    lifecycle_service_pb2,
)
from marque.type.v1 import import_pb2
from servicekit.testing.client import RpcFailure

SERVICE = "customer.v1.HoldingService"
TODAY = datetime.now(UTC).date()


def day(offset):
    found = TODAY + timedelta(days=offset)
    return date_pb2.Date(year=found.year, month=found.month, day=found.day)


class Shelf:
    def __init__(self, desk):
        self.desk = desk

    async def create(self, customer_id, client=None, kind=3, **fields):
        request = holding_service_pb2.CreateHoldingRequest(
            holding=holding_pb2.Holding(customer_id=customer_id, kind=kind, **fields)
        )
        return await (client or self.desk.agent).call(f"{SERVICE}/CreateHolding", request)

    async def get(self, holding_id, client):
        return await client.call(f"{SERVICE}/GetHolding", holding_service_pb2.GetHoldingRequest(holding_id=holding_id))

    async def due(self, client, **more):
        found, token = [], ""
        while True:
            request = holding_service_pb2.ListDueRenewalsRequest(page_token=token, **more)
            answer = await client.call(f"{SERVICE}/ListDueRenewals", request)
            found += [one.holding_id for one in answer.holdings]
            token = answer.next_page_token
            if not token:
                return found

    async def listed(self, customer_id, client=None):
        request = holding_service_pb2.ListHoldingsRequest(customer_id=customer_id, order_by="create_time")
        answer = await (client or self.desk.agent).call(f"{SERVICE}/ListHoldings", request)
        return [one.holding_id for one in answer.holdings]

    async def told(self, holding_id):
        rows = await self.desk.events("HoldingChanged", holding_id)
        return [
            (one.aggregate_version, one.state)
            for one in (holding_events_pb2.HoldingChanged.FromString(row["payload"]) for row in rows)
        ]


@pytest.fixture
def shelf(desk):
    return Shelf(desk)


class TestLife:
    async def test_end_is_the_renewal_where_none_is_said_and_each_change_is_told_once(self, shelf, desk):
        customer = await desk.create()
        value = money_pb2.Money(currency_code="CNY", units=5200, nanos=500_000_000)
        held = await shelf.create(customer.customer_id, start_date=day(-300), end_date=day(30), value=value)
        assert (held.renewal_date, held.value) == (day(30), value)
        renewed = await desk.agent.call(
            f"{SERVICE}/RenewHolding",
            holding_service_pb2.RenewHoldingRequest(holding_id=held.holding_id, end_date=day(395), etag=held.etag),
        )
        assert (renewed.renewal_date, renewed.renewals, renewed.value) == (day(395), 1, value)
        ended = await desk.agent.call(
            f"{SERVICE}/EndHolding", holding_service_pb2.EndHoldingRequest(holding_id=held.holding_id, state=3)
        )
        assert ended.state == holding_pb2.HOLDING_STATE_REDEEMED
        assert await shelf.told(held.holding_id) == [(1, 1), (2, 1), (3, 3)]

    async def test_what_has_ended_is_neither_renewed_nor_ended_again(self, shelf, desk):
        held = await shelf.create((await desk.create()).customer_id)
        end = holding_service_pb2.EndHoldingRequest(holding_id=held.holding_id, state=4)
        await desk.agent.call(f"{SERVICE}/EndHolding", end)
        for name, request in (
            ("EndHolding", end),
            ("RenewHolding", holding_service_pb2.RenewHoldingRequest(holding_id=held.holding_id, end_date=day(9))),
        ):
            with pytest.raises(RpcFailure) as failure:
                await desk.agent.call(f"{SERVICE}/{name}", request)
            assert failure.value.reason == "HOLDING_ENDED"

    @pytest.mark.parametrize(
        "fields",
        [
            {"start_date": day(1), "end_date": day(0)},
            {"end_date": date_pb2.Date(year=2026, month=2, day=30)},
            {"end_date": date_pb2.Date(year=2026)},
            {"value": money_pb2.Money(currency_code="CNY", units=-1)},
            {"value": money_pb2.Money(currency_code="QQQ", units=1)},
            {"vin": "NOT A VIN"},
        ],
    )
    async def test_what_contradicts_itself_is_refused(self, shelf, desk, fields):
        customer = await desk.create()
        with pytest.raises(RpcFailure) as failure:
            await shelf.create(customer.customer_id, **fields)
        assert failure.value.code == "INVALID_ARGUMENT"


class TestSight:
    async def test_due_list_shows_each_dealer_its_own_most_pressing_first_page_by_page(self, shelf, desk):
        dealer, other = await desk.known_dealer(), await desk.known_dealer()
        customer = await desk.create(dealer_id=dealer)
        offsets = (20, -3, 60, 61, 5)
        held = {
            offset: await shelf.create(customer.customer_id, dealer_id=dealer, renewal_date=day(offset))
            for offset in offsets
        }
        await shelf.create(customer.customer_id, dealer_id=other, renewal_date=day(1))
        wanted = [held[offset].holding_id for offset in (-3, 5, 20, 60)]
        assert await shelf.due(desk.dealer(dealer), page_size=2) == wanted
        assert await shelf.due(desk.agent, dealer_id=dealer, within_days=61) == [*wanted, held[61].holding_id]
        assert wanted[0] not in await shelf.due(desk.dealer(other))

    async def test_holding_of_another_dealer_and_none_at_all_are_answered_alike(self, shelf, desk):
        dealer, other = await desk.known_dealer(), await desk.known_dealer()
        customer = await desk.create(dealer_id=dealer)
        held = await shelf.create(customer.customer_id, dealer_id=other)
        for holding_id in (held.holding_id, str(uuid.uuid4())):
            with pytest.raises(RpcFailure) as failure:
                await shelf.get(holding_id, desk.dealer(dealer))
            assert (failure.value.code, failure.value.reason) == ("NOT_FOUND", "HOLDING_NOT_FOUND")
        assert await shelf.listed(customer.customer_id, desk.dealer(dealer)) == []

    async def test_owner_sees_all_that_is_theirs_also_after_a_merge_and_unmerge(self, shelf, desk):
        one, other = await desk.create(), await desk.create()
        mine, theirs = [await shelf.create(person.customer_id) for person in (one, other)]
        both = [mine.holding_id, theirs.holding_id]
        assert await shelf.listed(one.customer_id, desk.owner(one.customer_id)) == both[:1]
        merge = await desk.agent.call(
            "customer.v1.IdentityService/MergeCustomers",
            identity_service_pb2.MergeCustomersRequest(
                customer_id=one.customer_id, from_customer_id=other.customer_id, reasons=["SUITE"]
            ),
        )
        for person in (one, other):
            assert await shelf.listed(person.customer_id, desk.owner(person.customer_id)) == both
        unmerge = identity_service_pb2.UnmergeCustomersRequest(merge_id=merge.merge_id, reason="TWO")
        await desk.agent.call("customer.v1.IdentityService/UnmergeCustomers", unmerge)
        assert await shelf.listed(other.customer_id, desk.owner(other.customer_id)) == both[1:]

    async def test_renewal_that_is_near_is_what_to_do_next(self, shelf, desk):
        customer = await desk.create()
        await shelf.create(customer.customer_id, renewal_date=day(10))
        request = lifecycle_service_pb2.GetCustomerValueRequest(customer_id=customer.customer_id)
        found = await desk.agent.call("customer.v1.LifecycleService/GetCustomerValue", request)
        assert ("RENEW_HOLDING", "renewals_due") in [(one.code, one.reason.code) for one in found.next_actions]


class TestImport:
    async def stream(self, desk, rows, client=None):
        requests = [
            holding_import_rows_pb2.ImportHoldingsRequest(
                header=import_pb2.ImportStreamHeader(source="bank"),
                rows=[
                    holding_import_rows_pb2.HoldingImportRow(row=number, **row) for number, row in enumerate(rows, 1)
                ],
            )
        ]
        stream = (client or desk.service).stream("customer.v1.CustomerImportService/ImportHoldings", requests)
        return [answer async for answer in stream][-1]

    async def test_same_rows_again_change_nothing_and_another_row_changes_the_holding(self, shelf, desk):
        customer, mark = await desk.create(), uuid.uuid4().hex
        row = {"source_key": f"{mark}-1", "customer_id": customer.customer_id, "kind": "loan", "end_date": "2027-03-31"}
        bad = {"source_key": f"{mark}-2", "customer_id": customer.customer_id, "kind": "loan", "value": "1,000"}
        nobody = {"source_key": f"{mark}-3", "customer_id": str(uuid.uuid4()), "kind": "club"}
        first = await self.stream(desk, [row, bad, nobody])
        assert (first.summary.created, len(first.rejected)) == (1, 2)
        again = await self.stream(desk, [row])
        assert (again.summary.unchanged, again.summary.created) == (1, 0)
        changed = await self.stream(desk, [row | {"state": "redeemed"}])
        assert changed.summary.updated == 1
        (holding_id,) = await shelf.listed(customer.customer_id)
        assert await shelf.told(holding_id) == [(1, 1), (2, 3)]
