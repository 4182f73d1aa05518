"""Scorecards: measures and weights as data, values, and scores that say what is missing."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
import pytest_asyncio
from marque.network.v1 import network_import_service_pb2 as rows_pb
from servicekit.testing.client import RpcFailure

SERVICE = "DealerScorecardService"
SUM, MEAN, LAST = 1, 2, 3
YEAR = {"year": 2025}


def month(number: int) -> dict[str, int]:
    return {"year": 2025, "month": number}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model(network: Any) -> Any:
    """The model of 2025: cars 60 (0 to 100), satisfaction 30 (600 to 900), complaints 10 (50 down to 0)."""
    for code, summary, lower in (("cars", SUM, False), ("ssi", MEAN, False), ("complaints", SUM, True)):
        kpi = {"kpi_code": code, "names": {"en": code, "zh-CN": "指标"}, "unit": 1, "summary": summary}
        await network.ask(f"{SERVICE}/PutKpi", kpi={**kpi, "lower_is_better": lower})
    items = [
        {"kpi_code": "cars", "weight": 60.0, "floor": 0.0, "goal": 100.0},
        {"kpi_code": "ssi", "weight": 30.0, "floor": 600.0, "goal": 900.0},
        {"kpi_code": "complaints", "weight": 10.0, "floor": 50.0, "goal": 0.0},
    ]
    return await network.ask(f"{SERVICE}/PutScorecardModel", model={"year": 2025, "items": items})


async def record(network: Any, dealer: Any, client: Any = None, **values: Any) -> Any:
    """Records values: `cars=(month, value)`."""
    given = [
        {"dealer_id": dealer.dealer_id, "kpi_code": code, "period": period, "value": float(value)}
        for code, (period, value) in values.items()
    ]
    return await network.ask(f"{SERVICE}/RecordKpiValues", client, values=given)


class TestScore:
    async def test_months_make_the_year_and_the_weights_the_score(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        for number in (1, 2):
            await record(network, dealer, cars=(month(number), 25), ssi=(month(number), 600 + 100 * number))
        await record(network, dealer, complaints=(YEAR, 10))
        found = await network.ask(f"{SERVICE}/GetDealerScore", dealer_id=dealer.dealer_id, **YEAR)
        assert [(one.kpi_code, one.value, one.months, round(one.score, 6)) for one in found.items] == [
            ("cars", 50.0, 2, 50.0), ("ssi", 750.0, 2, 50.0), ("complaints", 10.0, 0, 80.0),
        ]  # fmt: skip
        assert round(found.score, 6) == 53.0
        assert (found.coverage, list(found.missing_kpi_codes)) == (1.0, [])

    async def test_what_is_missing_neither_earns_nor_costs(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        await record(network, dealer, cars=(month(5), 80))
        found = await network.ask(f"{SERVICE}/GetDealerScore", dealer_id=dealer.dealer_id, **month(5))
        assert (found.score, found.coverage) == (80.0, 0.6)
        assert list(found.missing_kpi_codes) == ["ssi", "complaints"]

    async def test_too_little_gives_no_score(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        await record(network, dealer, ssi=(YEAR, 900))
        found = await network.ask(f"{SERVICE}/GetDealerScore", dealer_id=dealer.dealer_id, **YEAR)
        assert not found.HasField("score")
        assert (found.coverage, list(found.missing_kpi_codes)) == (0.3, ["cars", "complaints"])

    async def test_regions_are_compared_by_the_dealers_in_sight(self, network: Any, model: Any) -> None:
        one, two = f"R{network.number()}", f"R{network.number()}"
        for region, values in ((one, (20, 40)), (two, (90,))):
            for value in values:
                dealer = await network.make_dealer(region_code=region)
                await record(network, dealer, cars=(YEAR, value))
        await network.make_dealer(region_code=one)
        answer = await network.ask(f"{SERVICE}/CompareDealerScores", **YEAR, by=1)
        found = {group.code: group for group in answer.groups}
        assert [(found[one].dealers, found[one].scored), (found[two].dealers, found[two].scored)] == [(3, 2), (1, 1)]
        assert (found[one].mean_score, found[one].lowest_score, found[one].highest_score) == (30.0, 20.0, 40.0)
        codes = [group.code for group in answer.groups]
        assert codes.index(two) < codes.index(one)
        keeper = network.client("oem.region", region=one)
        answer = await network.ask(f"{SERVICE}/CompareDealerScores", keeper, **YEAR, by=1)
        assert [group.code for group in answer.groups] == [one]

    async def test_scores_are_listed_page_by_page(self, network: Any, model: Any) -> None:
        region = f"R{network.number()}"
        made = [await network.make_dealer(region_code=region) for _ in range(5)]
        for value, dealer in enumerate(made):
            await record(network, dealer, cars=(YEAR, value * 10))
        listing, asked = f"{SERVICE}/ListDealerScores", {**YEAR, "region_code": region}
        found = await network.pages(listing, "scores", **asked)
        assert [(one.dealer_code, one.score) for one in found] == [
            (dealer.code, value * 10.0) for value, dealer in enumerate(made)
        ]
        found = await network.pages(listing, "scores", **asked, order_by="dealer_code desc")
        assert [one.dealer_code for one in found] == [dealer.code for dealer in reversed(made)]
        manager = network.client("dealer.manager", dealers=[made[1].dealer_id])
        assert [one.dealer_code for one in await network.pages(listing, "scores", manager, **asked)] == [made[1].code]

    @pytest.mark.parametrize(
        "period", [{"year": 2025, "quarter": 1, "month": 1}, {"year": 2025, "quarter": 4, "month": 12}]
    )
    async def test_a_period_that_is_none_is_refused(self, network: Any, model: Any, period: dict[str, int]) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/GetDealerScore", dealer_id=str(uuid.uuid4()), **period)
        assert failure.value.fields == {"quarter": "PERIOD_INVALID"}

    async def test_who_has_no_model_or_dealer_is_told(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        for fields, reason in (
            ({"dealer_id": dealer.dealer_id, "year": 2001}, "SCORECARD_MODEL_NOT_FOUND"),
            ({"dealer_id": str(uuid.uuid4()), **YEAR}, "DEALER_NOT_FOUND"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await network.ask(f"{SERVICE}/GetDealerScore", **fields)
            assert failure.value.reason == reason


class TestModel:
    @pytest.mark.parametrize(
        ("item", "place", "reason"),
        [
            ({"kpi_code": "nothing", "goal": 1.0}, "model.items[0].kpi_code", "KPI_UNKNOWN"),
            ({"kpi_code": "cars", "floor": 5.0, "goal": 5.0}, "model.items[0].goal", "GOAL_INVALID"),
            ({"kpi_code": "cars", "floor": 5.0, "goal": 4.0}, "model.items[0].goal", "GOAL_INVALID"),
            ({"kpi_code": "complaints", "floor": 4.0, "goal": 5.0}, "model.items[0].goal", "GOAL_INVALID"),
        ],
    )
    async def test_what_makes_no_sense_is_named(
        self, network: Any, model: Any, item: dict[str, Any], place: str, reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/PutScorecardModel", model={"year": 2024, "items": [{"weight": 1.0, **item}]})
        assert failure.value.fields == {place: reason}

    async def test_a_stale_writer_is_refused_and_of_two_first_writers_both_are_heard(
        self, network: Any, model: Any
    ) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.ask(
                f"{SERVICE}/PutScorecardModel", model={"year": 2025, "items": list(model.items), "etag": "v99"}
            )
        assert failure.value.reason == "ETAG_MISMATCH"
        answers = await asyncio.gather(
            *(
                network.ask(
                    f"{SERVICE}/PutScorecardModel",
                    model={"year": 2030, "items": [{"kpi_code": "cars", "weight": weight, "goal": 1.0}]},
                )
                for weight in (1.0, 2.0)
            )
        )
        assert sorted(one.etag for one in answers) == ["v1", "v2"]

    async def test_kpis_are_listed_and_written_by_the_maker_only(self, network: Any, model: Any) -> None:
        codes = [one.kpi_code for one in await network.pages(f"{SERVICE}/ListKpis", "kpis")]
        assert codes == sorted(codes)
        assert {"cars", "ssi", "complaints"} <= set(codes)
        kpi = {"kpi_code": "mine", "names": {"en": "X"}, "unit": 1, "summary": 1}
        with pytest.raises(RpcFailure) as failure:
            await network.ask(f"{SERVICE}/PutKpi", network.client("oem.region", region="R"), kpi=kpi)
        assert failure.value.code == "PERMISSION_DENIED"


class TestValues:
    async def test_a_value_is_written_once_and_replaced(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        for value, expected in ((5, (1, 0, 0)), (5, (0, 0, 1)), (6, (0, 1, 0))):
            answer = await record(network, dealer, cars=(month(1), value))
            assert (answer.created, answer.updated, answer.unchanged) == expected
        (found,) = await network.pages(f"{SERVICE}/ListKpiValues", "values", dealer_id=dealer.dealer_id)
        assert (found.value, found.period.month) == (6.0, 1)

    async def test_all_or_nothing(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        for bad, reason in (
            ({"cars": (month(1), 1), "nothing": (month(1), 1)}, "KPI_UNKNOWN"),
            ({"cars": (month(1), 1), "ssi": ({"year": 2025, "quarter": 2, "month": 2}, 1)}, "PERIOD_INVALID"),
        ):
            with pytest.raises(RpcFailure) as failure:
                await record(network, dealer, **bad)
            assert list(failure.value.fields.values()) == [reason]
        assert await network.pages(f"{SERVICE}/ListKpiValues", "values", dealer_id=dealer.dealer_id) == []

    async def test_a_region_records_for_its_own_dealers(self, network: Any, model: Any) -> None:
        region = f"R{network.number()}"
        own, other = await network.make_dealer(region_code=region), await network.make_dealer()
        keeper = network.client("oem.region", region=region)
        assert (await record(network, own, keeper, cars=(YEAR, 1))).created == 1
        with pytest.raises(RpcFailure) as failure:
            await record(network, other, keeper, cars=(YEAR, 1))
        assert failure.value.reason == "DEALER_NOT_FOUND"

    async def test_values_are_listed_page_by_page(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        for number in range(1, 6):
            await record(network, dealer, cars=(month(number), number))
        asked = {"dealer_id": dealer.dealer_id, "kpi_code": "cars", "year": 2025}
        found = await network.pages(f"{SERVICE}/ListKpiValues", "values", **asked)
        assert [one.period.month for one in found] == [5, 4, 3, 2, 1]
        found = await network.pages(f"{SERVICE}/ListKpiValues", "values", **asked, order_by="update_time")
        assert [one.period.month for one in found] == [1, 2, 3, 4, 5]

    async def test_a_file_of_values_twice_changes_nothing(self, network: Any, model: Any) -> None:
        dealer = await network.make_dealer()
        row = {"dealer_code": dealer.code.lower(), "kpi_code": "cars", "period": "2025-Q3", "value": "12.5"}
        rows = [
            rows_pb.KpiValueImportRow(**given)
            for given in (
                row,
                {**row, "period": "2025-13"},
                {**row, "value": "1,5"},
                {**row, "kpi_code": "nothing"},
                {**row, "dealer_code": "NOWHERE"},
                row,
                {**row, "value": "13"},
            )
        ]
        answer = await network.do_import("KpiValues", rows)
        assert (answer.summary.created, answer.summary.unchanged, answer.summary.rejected) == (1, 1, 5)
        reasons = {one.row: [error.reason for error in one.errors] for one in answer.rejected}
        assert reasons == {
            2: ["PERIOD_INVALID"], 3: ["NUMBER_INVALID"], 4: ["KPI_UNKNOWN"], 5: ["DEALER_NOT_FOUND"],
            7: ["ROW_REPEATED"],
        }  # fmt: skip
        again = await network.do_import("KpiValues", rows[:1])
        assert (again.summary.created, again.summary.unchanged) == (0, 1)
        (found,) = await network.pages(f"{SERVICE}/ListKpiValues", "values", dealer_id=dealer.dealer_id)
        assert (found.value, found.period.quarter, found.source) == (12.5, 3, "test")
