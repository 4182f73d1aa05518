"""The catalogue: prices that never overlap, what is public, and what is still the maker's own."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from servicekit.testing.car_orders import Factory, ask, day, model, price
from servicekit.testing.client import RpcFailure

C = "CatalogueService"
TODAY = datetime.now(UTC).date()
FAR = date(2090, 1, 1)


@pytest_asyncio.fixture(loop_scope="session")
async def factory(garage: Any) -> Factory:
    made = Factory(garage.manager, garage.client("plant"))
    await made.open()
    return made


async def put(factory: Factory, *which: Any) -> Any:
    return await ask(factory.maker, f"{C}/PutCataloguePrice", catalogue_price=price(factory.model_code, "BASE", *which))


async def shown(client: Any, factory: Factory, **fields: Any) -> Any:
    return await ask(client, f"{C}/GetCatalogueModel", model_code=factory.model_code, market="CN", **fields)


class TestPrices:
    async def test_no_day_has_two_and_the_days_between_have_none(self, garage: Any, factory: Factory) -> None:
        await put(factory, 150_000, date(2024, 1, 1), FAR)
        for first, before in ((date(2089, 12, 31), None), (FAR - timedelta(days=9), FAR + timedelta(days=9))):
            with pytest.raises(RpcFailure) as failure:
                await put(factory, 1, first, before)
            assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "CATALOGUE_PRICE_OVERLAPS")
        await put(factory, 160_000, FAR + timedelta(days=1))
        found = [
            (await shown(factory.maker, factory, date=day(FAR + timedelta(days=number)))).trims[0]
            for number in (-1, 0, 1)
        ]
        assert [one.price.units if one.HasField("price") else None for one in found] == [150_000, None, 160_000]

    async def test_of_twelve_prices_written_at_once_for_one_day_one_stands(self, garage: Any, factory: Factory) -> None:
        await put(factory, 150_000, date(2024, 1, 1), FAR)
        found = await asyncio.gather(
            *(put(factory, number, FAR + timedelta(days=number)) for number in range(12)), return_exceptions=True
        )
        assert sum(not isinstance(one, Exception) for one in found) == 1
        assert {one.reason for one in found if isinstance(one, RpcFailure)} == {"CATALOGUE_PRICE_OVERLAPS"}

    async def test_what_has_begun_is_ended_and_not_rewritten(self, garage: Any, factory: Factory) -> None:
        began = date(2024, 1, 1)
        assert await put(factory, 150_000, began) == await put(factory, 150_000, began)
        for units, before in ((1, None), (150_000, TODAY)):
            with pytest.raises(RpcFailure) as failure:
                await put(factory, units, began, before)
            assert failure.value.reason == "CATALOGUE_PRICE_IN_FORCE"
        await put(factory, 150_000, began, TODAY + timedelta(days=1))
        await put(factory, 140_000, TODAY + timedelta(days=1))
        listed = await ask(factory.maker, f"{C}/ListCataloguePrices", model_code=factory.model_code, page_size=1)
        assert (len(listed.prices), bool(listed.next_page_token)) == (1, True)

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"item_code": "NO-SUCH"}, "CATALOGUE_CODE_UNKNOWN"),
            ({"model_code": "NO-SUCH"}, "CATALOGUE_MODEL_NOT_FOUND"),
            ({"price": {"currency_code": "USD", "units": 5}}, "CURRENCY_MIXED"),
            ({"price": {"currency_code": "CNY", "units": -5}}, "MONEY_RANGE"),
            ({"valid_before": {"year": 2023, "month": 1, "day": 1}}, "RANGE_REVERSED"),
        ],
    )
    async def test_a_price_of_nothing_is_refused(
        self, garage: Any, factory: Factory, fields: dict[str, Any], reason: str
    ) -> None:
        made = price(factory.model_code, "BASE", 5, FAR)
        for name, value in fields.items():
            made.ClearField(name)  # type: ignore[arg-type]
            made.MergeFrom(type(made)(**{name: value}))
        with pytest.raises(RpcFailure) as failure:
            await ask(factory.maker, f"{C}/PutCataloguePrice", catalogue_price=made)
        assert reason in (failure.value.reason, *failure.value.fields.values())


class TestWhatIsPublic:
    async def test_what_is_to_come_is_the_makers_own(self, garage: Any, factory: Factory) -> None:
        tomorrow = {"date": day(TODAY + timedelta(days=1))}
        await shown(factory.maker, factory, **tomorrow)
        for role in ("", "owner", "dealer.sales"):
            client = garage.client(role, **({"customer": "01900000-0000-7000-8000-000000000001"} if role else {}))
            await shown(client, factory)
            with pytest.raises(RpcFailure) as failure:
                await shown(client, factory, **tomorrow)
            assert failure.value.fields == {"date": "DATE_IN_FUTURE"}
            with pytest.raises(RpcFailure) as failure:
                await shown(client, factory, whole=True)
            assert failure.value.code == "PERMISSION_DENIED"

    async def test_a_model_is_shown_on_the_days_on_which_a_trim_is_offered(self, garage: Any) -> None:
        code = f"D-{garage.new_vin()}"
        trims = [
            {"trim_code": "OLD", "names": {"en": "Old"}, "offered_before": day(date(2026, 2, 1))},
            {"trim_code": "NEW", "names": {"en": "New"}, "offered_from": day(date(2026, 3, 1))},
        ]
        one = model(code, trims=trims, options=[], required_groups=[], make=code)
        await ask(garage.manager, f"{C}/PutCatalogueModel", catalogue_model=one)
        found = []
        for when in (date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1)):
            answer = await ask(garage.client(), f"{C}/ListCatalogueModels", make=code, date=day(when))
            found.append([trim.trim_code for model_ in answer.models for trim in model_.trims])
        assert found == [["OLD"], [], [], ["NEW"]]
        with pytest.raises(RpcFailure) as failure:
            await ask(garage.client(), f"{C}/GetCatalogueModel", model_code=code, date=day(date(2026, 2, 1)))
        assert failure.value.reason == "CATALOGUE_MODEL_NOT_FOUND"

    async def test_a_configuration_is_judged_with_its_price(self, garage: Any, factory: Factory) -> None:
        asked = {"model_code": factory.model_code, "trim_code": "SPORT", "market": "CN"}
        good = await ask(garage.client(), f"{C}/CheckConfiguration", option_codes=["RED", "W19", "TOW"], **asked)
        assert (good.valid, good.list_price.units) == (True, 196_000)
        bad = await ask(garage.client(), f"{C}/CheckConfiguration", option_codes=["BLUE", "TOW"], **asked)
        assert (bad.valid, [(one.reason, one.code, one.other_code) for one in bad.problems]) == (
            False,
            [(4, "TOW", "W19"), (5, "BLUE", "TOW")],
        )
        unknown = await ask(garage.client(), f"{C}/CheckConfiguration", **{**asked, "trim_code": "NONE"})
        assert (unknown.valid, unknown.HasField("list_price")) == (False, False)


class TestWriting:
    async def test_the_same_again_changes_nothing_and_a_stale_etag_is_refused(
        self, garage: Any, factory: Factory
    ) -> None:
        before = await shown(factory.maker, factory, whole=True)
        again = await ask(factory.maker, f"{C}/PutCatalogueModel", catalogue_model=model(factory.model_code))
        assert again == before
        changed = model(factory.model_code, series="T", etag=before.etag)
        await ask(factory.maker, f"{C}/PutCatalogueModel", catalogue_model=changed)
        with pytest.raises(RpcFailure) as failure:
            await ask(factory.maker, f"{C}/PutCatalogueModel", catalogue_model=changed)
        assert failure.value.reason == "ETAG_MISMATCH"

    async def test_a_model_that_contradicts_itself_is_told_where(self, garage: Any, factory: Factory) -> None:
        options = [{"option_code": "A", "names": {"en": "A"}, "requires": ["B"]}]
        wrong = model(factory.model_code, options=options, required_groups=["COLOUR"])
        with pytest.raises(RpcFailure) as failure:
            await ask(factory.maker, f"{C}/PutCatalogueModel", catalogue_model=wrong)
        assert failure.value.fields == {
            "catalogue_model.options[0].requires": "CATALOGUE_CODE_UNKNOWN",
            "catalogue_model.required_groups": "CATALOGUE_CODE_UNKNOWN",
        }
