"""The plant's feed: in any order, repeated, about orders that are not there yet, with poison in it."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from servicekit.testing.car_orders import STAGES, Factory, ask
from servicekit.testing.platform import until

O = "CarOrderService"  # noqa: E741 - the noun of this file
_STATE = "stage, state, stage_time, vin, plant, station, promised_date, promises, reached, late"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def factory(garage: Any) -> Factory:
    made = Factory(garage.manager, garage.client("plant"))
    await made.open()
    return made


async def state(garage: Any, order_code: str) -> dict[str, Any]:
    (row,) = await garage.sql(f"SELECT {_STATE} FROM car_orders WHERE order_code = $1", order_code)
    return dict(row)


class TestAnyOrder:
    async def test_permuted_and_repeated_feeds_come_to_the_same(self, garage: Any, factory: Factory) -> None:
        dealer = await garage.make_dealer()
        client, found = garage.client("dealer.sales", dealers=[dealer]), []
        for seed in range(4):
            dice, story = random.Random(seed), random.Random("story")
            vin, code = garage.new_vin(), factory.new_code()
            rows = factory.life(code, vin, story)
            mixed = rows * (1 + seed % 2) if seed else rows
            if seed:
                dice.shuffle(mixed)
            early = dice.randrange(len(mixed)) if seed else 0  # what comes before the order does
            if early:
                await factory.feed(mixed[:early], size=1 + dice.randrange(4))
            order = await factory.place(client, order_code=code)
            await factory.feed(mixed[early:], size=1 + dice.randrange(4))
            assert await factory.parked(code) == {}
            found.append({**await state(garage, code), "vin": "" if (await state(garage, code))["vin"] == vin else "?"})
            (car,) = await garage.sql("SELECT make, model, status FROM vehicles WHERE vin = $1", vin)
            assert tuple(car) == ("Marque", "Traveller", 1)
            assert len(await garage.events("VehicleRegistered", vin)) == 1
            told = await garage.events("OrderStageChanged", order.order_id)
            assert [one.aggregate_version for one in told] == sorted({one.aggregate_version for one in told})
            assert (told[-1].stage, told[-1].vin) == (8, vin)
        assert all(one == found[0] for one in found[1:])
        assert (found[0]["stage"], found[0]["promised_date"]) == (8, date(2028, 4, 29))

    async def test_the_same_feed_again_changes_nothing(self, garage: Any, factory: Factory) -> None:
        order = await factory.place(garage.client("dealer.sales", dealers=[await garage.make_dealer()]))
        rows = factory.life(order.order_code, garage.new_vin(), random.Random(1))
        await factory.feed(rows)
        before = await ask(garage.manager, f"{O}/GetCarOrder", order_id=order.order_id)
        again = await factory.feed(rows)
        assert (again.summary.unchanged, again.summary.created) == (len(rows), 0)
        assert await ask(garage.manager, f"{O}/GetCarOrder", order_id=order.order_id) == before

    async def test_feeds_beside_one_another_and_beside_the_order_lose_nothing(
        self, garage: Any, factory: Factory
    ) -> None:
        client = garage.client("dealer.sales", dealers=[await garage.make_dealer()])
        for seed in range(3):
            code, vin = factory.new_code(), garage.new_vin()
            rows = factory.life(code, vin, random.Random(seed))
            random.Random(seed).shuffle(rows)
            halves = [factory.feed(rows[::2], size=2), factory.feed(rows[1::2], size=1), factory.feed(rows, size=3)]
            await asyncio.gather(factory.place(client, order_code=code), *halves)
            assert await factory.parked(code) == {}
            found = await state(garage, code)
            assert (found["stage"], found["vin"], found["station"]) == (8, vin, "S6")


class TestWhatCannotBeTaken:
    async def test_poison_is_told_and_the_rest_goes_on(self, garage: Any, factory: Factory) -> None:
        order = await factory.place(garage.client("dealer.sales", dealers=[await garage.make_dealer()]))
        code = order.order_code
        good = [factory.says(code, stage, number) for number, stage in enumerate(STAGES)]
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        bad = {
            "stage": factory.says(code, "melting", 1),
            "order_code": factory.says("not a code!", "body", 1),
            "reach_time": factory.says(code, "body", reach_time=tomorrow),
            "vin": factory.says(code, "", 1, vin="LSVAA4180123456"),
            "promised_date": factory.says(code, "", 1, promised_date="9999-12-31"),
            "message_id": factory.says(code, "paint", 1, message_id=good[0].message_id),
        }
        rows = [row for pair in zip(good, [*bad.values(), good[0]], strict=True) for row in pair]
        answers = await factory.answers(rows, size=3)
        told = {one.errors[0].field: one.errors[0].reason for answer in answers for one in answer.rejected}
        assert told == {
            "stage": "WORD_UNKNOWN",
            "order_code": "CODE_INVALID",
            "reach_time": "TIME_IN_FUTURE",
            "vin": "VIN_LENGTH",
            "promised_date": "DATE_OUT_OF_RANGE",
            "message_id": "MESSAGE_DIFFERS",
        }
        assert (answers[-1].summary.created, answers[-1].summary.unchanged) == (len(good), 1)
        assert (await state(garage, code))["stage"] == 8

    async def test_a_message_about_an_unknown_order_waits_with_its_reason(self, garage: Any, factory: Factory) -> None:
        code = factory.new_code()
        rows = [factory.says(code, "paint", 2), factory.says(code, "body", 1)]
        await factory.feed(rows)
        assert await factory.parked(code) == {row.message_id: "ORDER_UNKNOWN" for row in rows}
        order = await factory.place(
            garage.client("dealer.sales", dealers=[await garage.make_dealer()]), order_code=code
        )
        assert (order.stage, [one.stage for one in order.reached]) == (4, [3, 4])
        assert await factory.parked(code) == {}
        (event,) = await garage.events("OrderStageChanged", order.order_id)
        assert event.stage == 4

    async def test_one_car_goes_to_one_order_and_the_next_follows_when_it_is_given_up(
        self, garage: Any, factory: Factory
    ) -> None:
        client = garage.client("dealer.sales", dealers=[await garage.make_dealer()])
        first, second = [(await factory.place(client)).order_code for _ in range(2)]
        one, other = garage.new_vin(), garage.new_vin()
        await factory.feed([factory.says(first, "scheduled", 1, vin=one)])
        waiting = factory.says(second, "scheduled", 2, vin=one)
        await factory.feed([waiting])
        assert await factory.parked(second) == {waiting.message_id: "VIN_OF_ANOTHER_ORDER"}
        await factory.feed([factory.says(first, "", 3, vin=other)])
        assert await factory.parked(second) == {}
        assert ((await state(garage, first))["vin"], (await state(garage, second))["vin"]) == (other, one)

    @pytest.mark.parametrize("seed", range(4))
    async def test_orders_that_give_each_other_their_cars_all_get_them_in_whatever_order_it_is_told(
        self, garage: Any, factory: Factory, seed: int
    ) -> None:
        chance = random.Random(seed)
        client = garage.client("dealer.sales", dealers=[await garage.make_dealer()])
        codes = [(await factory.place(client)).order_code for _ in range(2 + seed)]
        cars = [garage.new_vin() for _ in codes]
        first = [factory.says(code, "scheduled", 1, vin=vin) for code, vin in zip(codes, cars, strict=True)]
        await factory.feed(first)
        others = cars[1:] + cars[:1]
        words = [factory.says(code, "", 2, vin=vin) for code, vin in zip(codes, others, strict=True)]
        last = words.pop(chance.randrange(len(words)))
        chance.shuffle(words)
        await factory.feed(words, size=1 + seed % 2)
        assert [(await state(garage, code))["vin"] for code in codes] == cars, (
            "until the ring is closed each keeps its car"
        )
        await factory.feed([last])
        assert [(await state(garage, code))["vin"] for code in codes] == others
        assert [await factory.parked(code) for code in codes] == [{}] * len(codes)
        again = await factory.feed([*first, *words, last])
        assert again.summary.unchanged == 2 * len(codes)

    async def test_a_car_that_was_delivered_is_not_exchanged(self, garage: Any, factory: Factory) -> None:
        client = garage.client("dealer.sales", dealers=[await garage.make_dealer()])
        first, second = [(await factory.place(client)).order_code for _ in range(2)]
        one, other = garage.new_vin(), garage.new_vin()
        await factory.feed(
            [factory.says(first, "scheduled", 1, vin=one), factory.says(second, "scheduled", 1, vin=other)]
        )
        await garage.sql("UPDATE car_orders SET sale_id = gen_random_uuid() WHERE order_code = $1", first)
        await factory.feed([factory.says(first, "", 2, vin=other), factory.says(second, "", 2, vin=one)])
        assert ((await state(garage, first))["vin"], (await state(garage, second))["vin"]) == (one, other)

    async def test_a_cancelled_order_gives_its_car_up(self, garage: Any, factory: Factory) -> None:
        client = garage.client("dealer.sales", dealers=[await garage.make_dealer()])
        first, second = await factory.place(client), await factory.place(client)
        vin = garage.new_vin()
        await factory.feed([factory.says(one.order_code, "scheduled", 1, vin=vin) for one in (first, second)])
        await ask(client, f"{O}/CancelCarOrder", order_id=first.order_id, reason="ENTERED_WRONGLY")
        assert (await state(garage, second.order_code))["vin"] == vin


class TestLate:
    async def test_each_promise_that_is_broken_is_told_of_once(self, garage: Any, factory: Factory) -> None:
        client = garage.client("dealer.sales", dealers=[await garage.make_dealer()])
        order = await factory.place(client)
        code = order.order_code
        days = ["2026-03-05", "2026-03-09"]

        async def told(count: int) -> list[Any]:
            async def there() -> bool:
                return len(await garage.events("OrderLate", order.order_id)) >= count

            await until(there, 20, f"the order is not late {count} times")
            return list(await garage.events("OrderLate", order.order_id))

        rows = [factory.says(code, "body", 1, promised_date=days[0])]
        await factory.feed(rows)
        (first,) = await told(1)
        assert (first.promised_date.day, first.stage, first.dealer_id) == (5, 3, order.dealer_id)
        assert (await state(garage, code))["late"]
        rows += [factory.says(code, "", 2, promised_date="2028-01-01")]
        await factory.feed(rows)
        assert not (await state(garage, code))["late"], "the promise was made anew"
        rows += [factory.says(code, "", 3, promised_date=days[1]), factory.says(code, "", 4, promised_date=days[0])]
        await factory.feed(rows[:3])
        assert [one.promised_date.day for one in await told(2)] == [5, 9]
        await factory.feed(rows)
        assert (await state(garage, code))["late"], "the first promise came back, and was broken before"
        listed = await ask(client, f"{O}/ListCarOrders", late_only=True)
        assert [one.order_id for one in listed.car_orders] == [order.order_id]

        async def quiet() -> bool:
            due = "SELECT 1 FROM due_work WHERE kind = 'car_order.late' AND key = $1"
            return not await garage.sql(due, order.order_id)

        await until(quiet, 20, "the look at the promise does not end")
        assert len(await told(2)) == 2

    async def test_a_promise_that_was_kept_is_never_late_however_late_it_is_heard(
        self, garage: Any, factory: Factory
    ) -> None:
        client = garage.client("dealer.sales", dealers=[await garage.make_dealer()])
        code = factory.new_code()
        await factory.feed([factory.says(code, "body", 1, promised_date="2026-03-03")])
        await factory.feed([factory.says(code, "at_dealer", 20)])
        order = await factory.place(client, order_code=code)

        async def looked() -> bool:
            due = "SELECT 1 FROM due_work WHERE kind = 'car_order.late' AND key = $1"
            return not await garage.sql(due, order.order_id)

        await until(looked, 20, "nobody looked at the promise")
        assert await garage.events("OrderLate", order.order_id) == []
