"""Sales: recording, reversing, seeing."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date
from typing import Any

import pytest
from google.type import money_pb2
from marque.vehicle.v1 import sale_service_pb2 as sales
from marque.vehicle.v1 import vehicle_pb2, vehicle_service_pb2
from servicekit.testing.client import RpcFailure

S = "vehicle.v1.SaleService"


def yuan(units: int, nanos: int = 0, currency: str = "CNY") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


async def refused(work: Any) -> RpcFailure:
    with pytest.raises(RpcFailure) as failure:
        await work
    return failure.value


class TestRecordSale:
    async def test_a_sale_puts_the_car_on_the_road_and_starts_the_buyers_ownership(self, garage: Any) -> None:
        dealer, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        made = await garage.make_sale(
            dealer, car.vin, buyer, price=yuan(159_800, 500_000_000), discount=yuan(2_000), odometer_km=12,
            delivery_date=garage.day(date(2026, 3, 9)), options=[{"code": "PR1", "price": yuan(800)}],
        )  # fmt: skip

        owners = await garage.owners_at(car.vin)
        (recorded,), (started,) = (
            await garage.events("SaleRecorded", made.sale_id),
            await garage.events("OwnershipStarted", owners.ownerships[0].ownership_id),
        )
        seen = await garage.agent.call(
            "vehicle.v1.VehicleService/GetVehicle", vehicle_service_pb2.GetVehicleRequest(vin=car.vin)
        )
        assert (made.price.units, made.price.nanos, made.options[0].price.units) == (159_800, 500_000_000, 800)
        assert (seen.status, seen.use, seen.odometer_km) == (2, 1, 12)
        assert [one.customer_id for one in owners.ownerships] == [buyer]
        assert recorded.customer_id == started.customer_id == buyer
        # the ninth of March begins in Shanghai on the eighth, sixteen o'clock UTC
        assert started.valid_start_time.ToJsonString() == "2026-03-08T16:00:00Z"
        assert started.sale_id == made.sale_id

    async def test_what_is_unknown_is_told_by_its_name(self, garage: Any) -> None:
        dealer, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        stranger = str(uuid.uuid4())
        assert (await refused(garage.make_sale(dealer, garage.new_vin(), buyer))).reason == "VEHICLE_NOT_FOUND"
        assert (await refused(garage.make_sale(dealer, car.vin, stranger))).reason == "CUSTOMER_NOT_FOUND"
        assert (await refused(garage.make_sale(stranger, car.vin, buyer))).reason == "DEALER_NOT_FOUND"
        foreign = garage.sale(await garage.make_dealer(), car.vin, buyer)
        client = garage.client("dealer.sales", dealers=[dealer])
        assert (await refused(client.call(f"{S}/RecordSale", foreign))).reason == "DEALER_NOT_FOUND"

    async def test_a_person_whom_the_dealer_never_met_is_refused_as_one_who_does_not_exist(self, garage: Any) -> None:
        dealer, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        client = garage.client("dealer.sales", dealers=[dealer])
        hidden = await refused(client.call(f"{S}/RecordSale", garage.sale(dealer, car.vin, buyer)))
        absent = await refused(client.call(f"{S}/RecordSale", garage.sale(dealer, car.vin, str(uuid.uuid4()))))
        assert str(hidden) == str(absent)
        assert hidden.reason == "CUSTOMER_NOT_FOUND"
        sold = await garage.manager.call(f"{S}/RecordSale", garage.sale(dealer, car.vin, buyer))
        assert sold.buyer_customer_id == buyer  # the maker knows everybody

    @pytest.mark.parametrize(
        ("fields", "reason", "place"),
        [
            ({"delivery_date": date(1989, 12, 31)}, "SALE_DATES_INVALID", "sale.delivery_date"),
            ({"delivery_date": date(2027, 3, 4)}, "SALE_DATES_INVALID", "sale.delivery_date"),
            ({"invoice_date": date(2999, 1, 1)}, "SALE_DATES_INVALID", "sale.invoice_date"),
            ({"price": yuan(1), "discount": yuan(1, currency="EUR")}, "CURRENCY_MIXED", "sale.discount"),
            ({"price": yuan(-1)}, "INVALID_ARGUMENT", "sale.price"),
            ({"price": yuan(1, 1)}, "INVALID_ARGUMENT", "sale.price"),
            ({"price": yuan(1, currency="XXQ")}, "INVALID_ARGUMENT", "sale.price"),
            ({"vin": "LSVAA41801234567"}, "VIN_INVALID", "sale.vin"),
        ],
    )
    async def test_bad_input_is_refused_with_field_and_reason(
        self, garage: Any, fields: dict[str, Any], reason: str, place: str
    ) -> None:
        dealer, buyer = await garage.make_dealer(), await garage.make_customer()
        given = {name: garage.day(value) if isinstance(value, date) else value for name, value in fields.items()}
        vin = given.pop("vin", None) or (await garage.make_car()).vin
        failure = await refused(garage.make_sale(dealer, vin, buyer, **given))
        assert (failure.code, failure.reason, list(failure.fields)) == ("INVALID_ARGUMENT", reason, [place])

    async def test_a_date_that_is_none_is_refused(self, garage: Any) -> None:
        dealer, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        failure = await refused(
            garage.make_sale(dealer, car.vin, buyer, invoice_date={"year": 2026, "month": 2, "day": 30})
        )
        assert failure.fields == {"sale.invoice_date": "DATE_INVALID"}

    async def test_an_invoice_number_is_recorded_once(self, garage: Any) -> None:
        dealer, buyer = await garage.make_dealer(), await garage.make_customer()
        one, two = await garage.make_car(), await garage.make_car()
        await garage.make_sale(dealer, one.vin, buyer, invoice_number="A-1")
        failure = await refused(garage.make_sale(dealer, two.vin, buyer, invoice_number="A-1"))
        assert (failure.code, failure.reason) == ("ALREADY_EXISTS", "INVOICE_ALREADY_RECORDED")

    async def test_two_dealers_at_once_sell_a_car_once(self, garage: Any) -> None:
        car, buyers = await garage.make_car(), [await garage.make_customer() for _ in range(4)]
        dealers = [await garage.make_dealer() for _ in buyers]
        answers = await asyncio.gather(
            *(garage.make_sale(dealer, car.vin, buyer) for dealer, buyer in zip(dealers, buyers, strict=True)),
            return_exceptions=True,
        )
        won = [answer for answer in answers if not isinstance(answer, Exception)]
        assert len(won) == 1
        assert {answer.reason for answer in answers if isinstance(answer, RpcFailure)} == {"VEHICLE_ALREADY_SOLD"}
        assert [one.customer_id for one in (await garage.owners_at(car.vin)).ownerships] == [won[0].buyer_customer_id]

    async def test_a_double_submit_gives_the_first_answer(self, garage: Any) -> None:
        dealer, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        client = garage.client("dealer.sales", dealers=[dealer])
        await garage.meet(dealer, buyer)
        request = garage.sale(dealer, car.vin, buyer, request_id=uuid.uuid4().hex)
        answers = await asyncio.gather(*(client.call(f"{S}/RecordSale", request) for _ in range(4)))
        assert len({answer.sale_id for answer in answers}) == 1

    async def test_a_scrapped_car_is_not_sold(self, garage: Any) -> None:
        dealer, buyer = await garage.make_dealer(), await garage.make_customer()
        car = await garage.make_car(status=vehicle_pb2.VEHICLE_STATUS_SCRAPPED)
        assert (await refused(garage.make_sale(dealer, car.vin, buyer))).reason == "VEHICLE_SCRAPPED"


class TestReverseSale:
    async def reverse(self, garage: Any, sale: Any, **fields: Any) -> Any:
        client = garage.client("dealer.manager", dealers=[sale.dealer_id])
        request = sales.ReverseSaleRequest(sale_id=sale.sale_id, reason="ENTERED_WRONGLY", **fields)
        return await client.call(f"{S}/ReverseSale", request)

    async def sold(self, garage: Any) -> tuple[Any, str]:
        dealer, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        return await garage.make_sale(dealer, car.vin, buyer), buyer

    async def test_the_ownership_never_was_but_what_was_known_stays_known(self, garage: Any) -> None:
        sale, buyer = await self.sold(garage)
        before = await garage.owners_at(sale.vin)
        moment = before.known_time.ToDatetime(garage.at(2026, 1, 1).tzinfo)

        reversed_ = await self.reverse(garage, sale)

        assert (reversed_.state, reversed_.reversal_reason) == (2, "ENTERED_WRONGLY")
        assert list((await garage.owners_at(sale.vin)).ownerships) == []
        valid = before.valid_time.ToDatetime(moment.tzinfo)
        again = await garage.owners_at(sale.vin, valid, moment)
        assert [one.customer_id for one in again.ownerships] == [buyer]
        (ended,) = await garage.events("OwnershipEnded", before.ownerships[0].ownership_id)
        assert (ended.voided, ended.aggregate_version) == (True, 2)
        assert [one.reason for one in await garage.events("SaleReversed", sale.sale_id)] == ["ENTERED_WRONGLY"]

    async def test_a_sale_is_reversed_once_and_then_the_car_can_be_sold_anew(self, garage: Any) -> None:
        sale, buyer = await self.sold(garage)
        await self.reverse(garage, sale)
        assert (await refused(self.reverse(garage, sale))).reason == "SALE_ALREADY_REVERSED"
        again = await garage.make_sale(sale.dealer_id, sale.vin, buyer)
        assert again.sale_id != sale.sale_id

    async def test_a_car_that_was_handed_on_keeps_its_sale(self, garage: Any) -> None:
        sale, _ = await self.sold(garage)
        owner = (await garage.owners_at(sale.vin)).ownerships[0]
        await garage.transfer(owner.ownership_id, await garage.make_customer(), garage.at(2026, 6, 1))
        assert (await refused(self.reverse(garage, sale))).reason == "OWNERSHIP_MOVED_ON"
        assert (await garage.owners_at(sale.vin, garage.at(2026, 4, 1))).ownerships[0].customer_id == owner.customer_id

    async def test_an_older_etag_is_refused(self, garage: Any) -> None:
        sale, _ = await self.sold(garage)
        assert (await refused(self.reverse(garage, sale, etag="v7"))).reason == "ETAG_MISMATCH"


class TestVisibility:
    async def test_own_dealer_group_region_owner_and_maker_see_a_sale_and_others_do_not(self, garage: Any) -> None:
        group, region = uuid.uuid4().hex[:8], uuid.uuid4().hex[:8]
        dealer, sister = await garage.make_dealer(group=group, region=region), await garage.make_dealer(group=group)
        other, buyer, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
        made = await garage.make_sale(dealer, car.vin, buyer, price=yuan(10))
        get, listing = sales.GetSaleRequest(sale_id=made.sale_id), sales.ListSalesRequest(vin=car.vin)
        seeing = [
            garage.client("dealer.sales", dealers=[dealer]),
            garage.client("dealer.manager", dealers=[sister], dealer_group=group),
            garage.client("oem.region", region=region),
            garage.client("owner", customer=buyer),
            garage.agent,
        ]
        for client in seeing:
            assert (await client.call(f"{S}/GetSale", get)).price.units == 10
            assert [one.sale_id for one in (await client.call(f"{S}/ListSales", listing)).sales] == [made.sale_id]
        blind = [
            garage.client("dealer.sales", dealers=[other]),
            garage.client("oem.region", region="elsewhere"),
            garage.client("owner", customer=await garage.make_customer()),
        ]
        for client in blind:
            assert (await refused(client.call(f"{S}/GetSale", get))).reason == "SALE_NOT_FOUND"
            assert list((await client.call(f"{S}/ListSales", listing)).sales) == []

    async def test_paging_gives_every_sale_once_in_every_order_over_several_dealers(self, garage: Any) -> None:
        dealers, buyer = [await garage.make_dealer() for _ in range(2)], await garage.make_customer()
        made = []
        for number in range(7):
            car = await garage.make_car()
            day = garage.day(date(2026, 1, 1 + number % 3))
            made.append((await garage.make_sale(dealers[number % 2], car.vin, buyer, invoice_date=day)).sale_id)
        by_dealer, by_buyer = garage.client("dealer.manager", dealers=dealers), garage.agent
        for client, fields in ((by_dealer, {}), (by_buyer, {"buyer_customer_id": buyer})):
            for order in ("", "invoice_date", "update_time desc"):
                found, token = [], ""
                while True:
                    request = sales.ListSalesRequest(page_size=2, page_token=token, order_by=order, **fields)
                    answer = await client.call(f"{S}/ListSales", request)
                    found += [one.sale_id for one in answer.sales]
                    token = answer.next_page_token
                    if not token:
                        break
                assert sorted(found) == sorted(made), order

    async def test_a_merged_buyers_sales_stand_under_the_survivor(self, garage: Any) -> None:
        dealer, merged, survivor = (
            await garage.make_dealer(),
            await garage.make_customer(),
            await garage.make_customer(),
        )
        car = await garage.make_car()
        made = await garage.make_sale(dealer, car.vin, merged)
        await garage.sql(
            "INSERT INTO customer_aliases (from_customer_id, known_from, to_customer_id, version) VALUES ($1, now(), $2, 1)",
            merged, survivor,
        )  # fmt: skip
        theirs = await garage.make_sale(dealer, (await garage.make_car()).vin, survivor)
        both = {made.sale_id, theirs.sale_id}
        agent = garage.client("oem.agent")
        for customer_id in (survivor, merged):  # who asks by the merged id, or signed in under it, means the survivor
            owner = garage.client("owner", customer=customer_id)
            assert {one.sale_id for one in (await owner.call(f"{S}/ListSales", sales.ListSalesRequest())).sales} == both
            request = sales.ListSalesRequest(buyer_customer_id=customer_id)
            assert {one.sale_id for one in (await agent.call(f"{S}/ListSales", request)).sales} == both

    async def test_a_car_and_a_person_asked_for_together_narrow_together(self, garage: Any) -> None:
        dealer, buyer, other = await garage.make_dealer(), await garage.make_customer(), await garage.make_customer()
        car = await garage.make_car()
        made = await garage.make_sale(dealer, car.vin, buyer)
        await garage.make_order(dealer, car.vin, customer_id=buyer)
        for rpc, person, items in (
            ("SaleService/ListSales", "buyer_customer_id", "sales"),
            ("RepairOrderService/ListRepairOrders", "customer_id", "repair_orders"),
        ):
            found = [len(getattr(await garage.ask(rpc, vin=car.vin, **{person: one}), items)) for one in (buyer, other)]
            assert found == [1, 0], (rpc, made.sale_id)
