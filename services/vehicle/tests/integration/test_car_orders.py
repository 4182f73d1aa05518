"""Orders for cars, from the dealer's word to the buyer's key."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
import pytest_asyncio
from google.type import date_pb2
from servicekit.testing.car_orders import BEGAN, Factory, ask, day
from servicekit.testing.client import RpcFailure

O = "CarOrderService"  # noqa: E741 - the noun of this file
STOCK = {"trim_code": "SPORT", "option_codes": ["RED", "TOW", "W19"]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def factory(garage: Any) -> Factory:
    made = Factory(garage.manager, garage.client("plant"))
    await made.open()
    return made


async def seller(garage: Any, **scope: Any) -> tuple[str, Any]:
    dealer = await garage.make_dealer(**scope)
    return dealer, garage.client("dealer.sales", dealers=[dealer])


async def buyer(garage: Any, dealer: str) -> str:
    customer = str(await garage.make_customer())
    await garage.meet(dealer, customer)
    return customer


async def read(client: Any, order: Any) -> Any:
    return await ask(client, f"{O}/GetCarOrder", order_id=order.order_id)


class TestPlaceCarOrder:
    async def test_takes_price_and_day_from_the_catalogue(self, garage: Any, factory: Factory) -> None:
        dealer, client = await seller(garage)
        order = await factory.place(client, **STOCK)
        assert (order.dealer_id, order.customer_id, order.stage, order.state) == (dealer, "", 1, 1)
        assert (order.list_price.units, order.list_price.currency_code) == (180_000 + 3_000 + 5_000 + 8_000, "CNY")
        assert order.order_code.startswith("CO-")
        assert len(order.tracking_code) > 20
        (event,) = await garage.events("OrderStageChanged", order.order_id)
        assert (event.order_code, event.dealer_id, event.stage, event.aggregate_version) == (
            order.order_code,
            dealer,
            1,
            1,
        )

    async def test_what_is_wrong_with_a_configuration_is_named_and_nothing_is_ordered(
        self, garage: Any, factory: Factory
    ) -> None:
        _, client = await seller(garage)
        with pytest.raises(RpcFailure) as failure:
            await factory.place(client, trim_code="BASE", option_codes=["RED", "TOW"], order_code="T-WRONG")
        assert failure.value.reason == "CONFIGURATION_INVALID"
        assert failure.value.fields == {"car_order.option_codes": "REQUIRES"}
        with pytest.raises(RpcFailure) as failure:
            await factory.place(client, market="US")
        assert failure.value.fields == {
            "car_order.option_codes": "PRICE_MISSING",
            "car_order.trim_code": "PRICE_MISSING",
        }
        with pytest.raises(RpcFailure) as failure:
            await factory.place(client, model_code="NO-SUCH")
        assert failure.value.reason == "CATALOGUE_MODEL_NOT_FOUND"
        assert await garage.sql("SELECT 1 FROM car_orders WHERE order_code = 'T-WRONG'") == []

    async def test_a_code_of_another_dealer_gets_the_neutral_answer(self, garage: Any, factory: Factory) -> None:
        (_, first), (_, second) = await seller(garage), await seller(garage)
        code = factory.new_code()
        await factory.place(first, order_code=code)
        with pytest.raises(RpcFailure) as failure:
            await factory.place(second, order_code=code)
        assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "ORDER_CODE_TAKEN")
        assert code not in str(failure.value)

    async def test_twelve_at_once_for_one_code_are_one_order(self, garage: Any, factory: Factory) -> None:
        _, client = await seller(garage)
        code = factory.new_code()
        found = await asyncio.gather(
            *(factory.place(client, order_code=code) for _ in range(12)), return_exceptions=True
        )
        assert sum(not isinstance(one, Exception) for one in found) == 1

    async def test_a_customer_whom_the_dealer_does_not_know_is_not_found(self, garage: Any, factory: Factory) -> None:
        _, client = await seller(garage)
        with pytest.raises(RpcFailure) as failure:
            await factory.place(client, customer_id=str(await garage.make_customer()))
        assert failure.value.reason == "CUSTOMER_NOT_FOUND"

    async def test_a_retry_gives_the_first_answer(self, garage: Any, factory: Factory) -> None:
        _, client = await seller(garage)
        found = [await factory.place(client, request_id="once") for _ in range(2)]
        assert found[0] == found[1]


class TestChanges:
    async def test_until_the_body_is_built_the_configuration_changes_with_its_price(
        self, garage: Any, factory: Factory
    ) -> None:
        _, client = await seller(garage)
        order = await factory.place(client)
        fields = {"order_id": order.order_id, "option_codes": ["BLUE"], "etag": order.etag}
        changed = await ask(client, f"{O}/UpdateCarOrder", car_order=fields)
        assert changed.list_price.units == order.list_price.units + 1_000
        await factory.feed([factory.says(order.order_code, "body", 1)])
        with pytest.raises(RpcFailure) as failure:
            await ask(client, f"{O}/UpdateCarOrder", car_order={**fields, "option_codes": ["RED"], "etag": ""})
        assert failure.value.reason == "CAR_ORDER_IN_BUILD"
        with pytest.raises(RpcFailure) as failure:
            await ask(client, f"{O}/CancelCarOrder", order_id=order.order_id, reason="CUSTOMER_WITHDREW")
        assert failure.value.reason == "CAR_ORDER_IN_BUILD"
        assert list((await read(client, order)).option_codes) == ["BLUE"]

    async def test_another_customer_makes_the_former_tracking_code_worthless(
        self, garage: Any, factory: Factory
    ) -> None:
        dealer, client = await seller(garage)
        order = await factory.place(client, customer_id=await buyer(garage, dealer))
        fields = {"order_id": order.order_id, "customer_id": await buyer(garage, dealer)}
        changed = await ask(client, f"{O}/UpdateCarOrder", car_order=fields)
        assert changed.tracking_code not in ("", order.tracking_code)
        with pytest.raises(RpcFailure):
            await track(garage, order)
        assert (await track(garage, changed)).order_code == order.order_code

    async def test_a_cancelled_order_stands_as_it_is_and_parks_what_is_said_later(
        self, garage: Any, factory: Factory
    ) -> None:
        _, client = await seller(garage)
        order = await factory.place(client)
        await ask(client, f"{O}/CancelCarOrder", order_id=order.order_id, reason="ENTERED_WRONGLY")
        row = factory.says(order.order_code, "paint", 3)
        await factory.feed([row])
        found = await read(client, order)
        assert (found.state, found.stage, found.cancel_reason) == (3, 1, "ENTERED_WRONGLY")
        assert await factory.parked(order.order_code) == {row.message_id: "ORDER_CANCELLED"}
        with pytest.raises(RpcFailure) as failure:
            await ask(client, f"{O}/ReceiveCarOrder", order_id=order.order_id, stage=8)
        assert failure.value.reason == "CAR_ORDER_CLOSED"

    async def test_two_changes_of_one_version_are_not_both_taken(self, garage: Any, factory: Factory) -> None:
        _, client = await seller(garage)
        order = await factory.place(client)
        changes = [
            ask(
                client,
                f"{O}/UpdateCarOrder",
                car_order={"order_id": order.order_id, "quote_number": f"Q{number}", "etag": order.etag},
            )
            for number in range(4)
        ]
        found = await asyncio.gather(*changes, return_exceptions=True)
        assert sum(not isinstance(one, Exception) for one in found) == 1
        assert {one.reason for one in found if isinstance(one, RpcFailure)} == {"ETAG_MISMATCH"}


async def track(garage: Any, order: Any) -> Any:
    fields = {"order_code": order.order_code, "tracking_code": order.tracking_code}
    return await ask(garage.client(), f"{O}/TrackCarOrder", **fields)


class TestFollowing:
    async def test_the_buyer_follows_with_both_codes_and_sees_no_person_and_no_price(
        self, garage: Any, factory: Factory
    ) -> None:
        dealer, client = await seller(garage)
        customer = await buyer(garage, dealer)
        order = await factory.place(client, customer_id=customer)
        await factory.feed([factory.says(order.order_code, "scheduled", 1, promised_date="2028-04-01", station="S1")])
        found = await track(garage, order)
        assert (found.stage, found.station, found.promised_date) == (2, "S1", date_pb2.Date(year=2028, month=4, day=1))
        assert customer not in str(found)
        assert dealer not in str(found)
        order.tracking_code += "x"
        with pytest.raises(RpcFailure) as wrong:
            await track(garage, order)
        order.order_code = factory.new_code()
        with pytest.raises(RpcFailure) as nowhere:
            await track(garage, order)
        assert str(wrong.value) == str(nowhere.value)

    async def test_dealers_buyers_and_the_plant_see_their_own(self, garage: Any, factory: Factory) -> None:
        (dealer, client), (_, other) = await seller(garage), await seller(garage)
        customer = await buyer(garage, dealer)
        order = await factory.place(client, customer_id=customer)
        owner = garage.client("owner", customer=customer)
        listed = await ask(owner, f"{O}/ListCarOrders")
        assert [one.order_id for one in listed.car_orders] == [order.order_id]
        shown = await read(factory.plant, order)
        assert (shown.customer_id, shown.tracking_code, shown.HasField("list_price")) == ("", "", False)
        assert {"customer_id", "tracking_code", "list_price"} <= set(shown.masked_fields)
        stranger = garage.client("owner", customer=await garage.make_customer())
        for nobody in (other, stranger):
            with pytest.raises(RpcFailure) as failure:
                await read(nobody, order)
            assert failure.value.reason == "CAR_ORDER_NOT_FOUND"
            assert not (await ask(nobody, f"{O}/ListCarOrders", order_code=order.order_code)).car_orders


class TestListCarOrders:
    async def test_filters_narrow_together_and_pages_end(self, garage: Any, factory: Factory) -> None:
        dealer, client = await seller(garage)
        customer, vin = await buyer(garage, dealer), garage.new_vin()
        first = await factory.place(client, customer_id=customer)
        rest = [await factory.place(client) for _ in range(4)]
        await factory.feed([factory.says(first.order_code, "body", 1, vin=vin)])
        asked: list[tuple[dict[str, Any], int]] = [
            ({}, 5), ({"order_code": first.order_code}, 1), ({"order_code": first.order_code, "vin": rest[0].order_code}, 0),
            ({"vin": vin}, 1), ({"vin": vin, "stage": 4}, 0), ({"stage": 1}, 4), ({"state": 3}, 0), ({"late_only": True}, 0),
            ({"customer_id": customer}, 1), ({"customer_id": dealer}, 0),
        ]  # fmt: skip
        for fields, count in asked:
            for asking in (client, garage.manager):
                found = await ask(asking, f"{O}/ListCarOrders", dealer_id=dealer, **fields)
                assert len(found.car_orders) == count, fields
        seen, token = [], ""
        while True:
            page = await ask(client, f"{O}/ListCarOrders", page_size=2, page_token=token, order_by="create_time desc")
            seen += [one.order_id for one in page.car_orders]
            token = page.next_page_token
            if not token:
                break
        assert seen == [one.order_id for one in (*reversed(rest), first)]


class TestSaleOfAnOrder:
    async def test_a_sale_delivers_its_order_and_a_reversal_takes_it_back(self, garage: Any, factory: Factory) -> None:
        dealer, client = await seller(garage)
        customer, vin = await buyer(garage, dealer), garage.new_vin()
        order = await factory.place(client, customer_id=customer)
        await factory.feed([factory.says(order.order_code, "assembly", 1, vin=vin)])
        more = {"order_id": order.order_id, "delivery_date": day(date(2026, 3, 4))}
        sale = await garage.make_sale(dealer, vin, customer, **more)
        found = await read(client, order)
        assert (found.state, found.stage, found.sale_id) == (2, 9, sale.sale_id)
        await ask(client, "SaleService/ReverseSale", sale_id=sale.sale_id, reason="DEAL_CANCELLED")
        found = await read(client, order)
        assert (found.state, found.stage, found.sale_id) == (1, 5, "")
        told = await garage.events("OrderStageChanged", order.order_id)
        assert [(one.stage, one.state) for one in told] == [(1, 1), (5, 1), (9, 2), (5, 1)]
        assert [one.aggregate_version for one in told] == sorted({one.aggregate_version for one in told})

    async def test_another_car_or_another_dealers_order_is_not_sold(self, garage: Any, factory: Factory) -> None:
        (dealer, client), (_, other) = await seller(garage), await seller(garage)
        customer, car = await buyer(garage, dealer), await garage.make_car()
        mine, theirs = await factory.place(client), await factory.place(other)
        await factory.feed([factory.says(mine.order_code, "assembly", 1, vin=garage.new_vin())])
        for order, reason in ((mine, "CAR_ORDER_OF_ANOTHER_CAR"), (theirs, "CAR_ORDER_NOT_FOUND")):
            with pytest.raises(RpcFailure) as failure:
                await garage.make_sale(dealer, car.vin, customer, order_id=order.order_id)
            assert failure.value.reason == reason
        assert await garage.sql("SELECT 1 FROM sales WHERE vin = $1", car.vin) == []

    async def test_trade_in_margin_and_where_it_came_from_are_kept_and_masked(
        self, garage: Any, factory: Factory
    ) -> None:
        dealer, _ = await seller(garage)
        customer, car = await buyer(garage, dealer), await garage.make_car()
        money: Any = lambda units: {"currency_code": "CNY", "units": units}  # noqa: E731
        given = {"vin": "", "description": "Lavida 2016", "allowance": money(40_000)}
        more = {"trade_in": given, "margin": money(9_000), "price": money(150_000), "quote_number": "Q-1"}
        sale = await garage.make_sale(dealer, car.vin, customer, **more)
        assert (sale.trade_in.allowance.units, sale.margin.units, sale.quote_number) == (40_000, 9_000, "Q-1")
        shown = await ask(garage.client("dealer.care", dealers=[dealer]), "SaleService/GetSale", sale_id=sale.sale_id)
        assert shown.trade_in == sale.trade_in
        with pytest.raises(RpcFailure) as failure:
            await garage.make_sale(dealer, car.vin, customer, price=money(1), margin={"currency_code": "USD"})
        assert failure.value.reason == "CURRENCY_MIXED"


class TestReceiving:
    async def test_the_dealer_says_that_the_car_came_and_again_changes_nothing(
        self, garage: Any, factory: Factory
    ) -> None:
        _, client = await seller(garage)
        order = await factory.place(client)
        await factory.feed([factory.says(order.order_code, "in_transit", 5)])
        first = await ask(client, f"{O}/ReceiveCarOrder", order_id=order.order_id, stage=8)
        again = await ask(client, f"{O}/ReceiveCarOrder", order_id=order.order_id, stage=8)
        assert (first.stage, again) == (8, first)
        done = await ask(client, f"{O}/ReceiveCarOrder", order_id=order.order_id, stage=9, reach_time=BEGAN)
        assert (done.state, done.stage) == (2, 9)

    async def test_a_word_that_is_older_than_the_plants_is_refused(self, garage: Any, factory: Factory) -> None:
        _, client = await seller(garage)
        order = await factory.place(client)
        await factory.feed([factory.says(order.order_code, "in_transit", 5)])
        with pytest.raises(RpcFailure) as failure:
            await ask(client, f"{O}/ReceiveCarOrder", order_id=order.order_id, stage=8, reach_time=BEGAN)
        assert failure.value.fields == {"reach_time": "TIME_BEFORE_LATEST"}
        assert (await read(client, order)).stage == 7
