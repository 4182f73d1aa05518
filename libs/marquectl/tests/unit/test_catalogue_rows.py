"""The model catalogue as rows: what is written is read again, and what is wrong is told with its row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque.vehicle.v1 import catalogue_pb2
from marquectl import catalogue_rows
from marquectl.readers import BadRow, RawRow
from marquectl.world import orders

codes = st.from_regex(r"[A-Z0-9][A-Z0-9-]{0,8}", fullmatch=True)
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=8)
names = st.dictionaries(st.sampled_from(["en", "zh-CN", "de"]), words, min_size=1)
dates = st.dates().map(lambda day: {"year": day.year, "month": day.month, "day": day.day})
lists = st.lists(codes, unique=True, max_size=3)


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[catalogue_pb2.CatalogueModel, list[catalogue_pb2.CataloguePrice]]:
    items = draw(st.lists(codes, min_size=1, max_size=5, unique=True))
    cut = draw(st.integers(1, len(items)))
    model = catalogue_pb2.CatalogueModel(
        model_code=draw(codes), make=draw(words), series=draw(st.just("") | words), model=draw(words), names=draw(names),
        model_year=draw(st.sampled_from([0, 2026])), energy=draw(st.integers(0, 8)), required_groups=draw(lists),  # type: ignore[arg-type]
    )  # fmt: skip
    for code in items[:cut]:
        trim = model.trims.add(trim_code=code, names=draw(names), offered_from=draw(st.none() | dates))
        trim.specification.update(draw(st.dictionaries(st.sampled_from(["power_kw", "seats"]), words)))
    for code in items[cut:]:
        model.options.add(
            option_code=code, names=draw(names), group_code=draw(st.just("") | codes), trim_codes=draw(lists), requires=draw(lists),
            excludes=draw(lists), offered_before=draw(st.none() | dates),
        )  # fmt: skip
    found = []
    for code in draw(st.lists(st.sampled_from(items), max_size=4)):
        minor = draw(st.integers(0, 10**9))
        found.append(
            catalogue_pb2.CataloguePrice(
                model_code=model.model_code, item_code=code, market=draw(st.sampled_from(["CN", "US"])), valid_from=draw(dates),
                valid_before=draw(st.none() | dates), price={"currency_code": "CNY", "units": minor // 100, "nanos": minor % 100 * 10**7},
            )
        )  # fmt: skip
    return model, found


class TestRows:
    @given(catalogues())
    def test_what_is_written_is_read_again(self, made: tuple[Any, list[Any]]) -> None:
        model, prices = made
        rows = [RawRow(number, dict(row)) for number, row in enumerate(catalogue_rows.written(model, prices), 1)]
        found = catalogue_rows.read(rows)
        assert found.refused == []
        assert found.models == [model]
        assert sorted(one.SerializeToString(deterministic=True) for _, one in found.prices) == sorted(
            one.SerializeToString(deterministic=True) for one in prices
        )

    def test_the_samples_catalogue_is_a_file_of_a_row_for_each_price(self) -> None:
        prices = [catalogue_pb2.CataloguePrice(**one) for one in orders.prices()]
        rows = []
        for one in orders.models():
            mine = [each for each in prices if each.model_code == one["model_code"]]
            rows += list(catalogue_rows.written(catalogue_pb2.CatalogueModel(**one), mine))
        assert len(rows) == len(prices)
        assert {name for row in rows for name in row} - set(catalogue_rows.COLUMNS) == {
            "spec.power_kw",
            "spec.seats",
            "spec.sport_seats",
        }


GOOD = {
    "model_code": "lavida-26", "make": "VW", "model": "Lavida", "model_name.en": "Lavida",
    "kind": "Trim", "code": "base", "name.en": "Base",
}  # fmt: skip
PRICED = {**GOOD, "market": "cn", "currency_code": "cny", "price": "100.5", "valid_from": "2026-01-01"}


class TestWrongRows:
    @pytest.mark.parametrize(
        ("row", "told"),
        [
            ({**GOOD, "model_code": " "}, "model_code"),
            ({**GOOD, "kind": "wheel"}, "kind"),
            ({**GOOD, "code": ""}, "code"),
            ({**GOOD, "make": "Audi"}, "make"),
            ({**GOOD, "name.en": "Basis"}, "name.en"),
            ({**GOOD, "requires": "W20"}, "requires"),
            ({**GOOD, "kind": "option", "code": "RED", "spec.seats": "5"}, "spec.seats"),
            ({**GOOD, "model_year": "MMXX"}, "model_year"),
            ({**GOOD, "energy": "steam"}, "energy"),
            ({**GOOD, "offered_from": "2026-02-30"}, "offered_from"),
            ({**GOOD, "offered_from": "20260201"}, "offered_from"),
            ({**PRICED, "price": "1,000"}, "price"),
            ({**PRICED, "price": "-1"}, "price"),
            ({**PRICED, "market": ""}, "market"),
            ({**PRICED, "currency_code": ""}, "currency_code"),
            ({**PRICED, "valid_from": ""}, "valid_from"),
            ({**PRICED, "valid_before": "soon"}, "valid_before"),
        ],
    )
    def test_its_model_is_left_out_with_the_row_and_the_column_and_others_are_read(
        self, row: dict[str, str], told: str
    ) -> None:
        other = {**PRICED, "model_code": "OTHER"}
        found = catalogue_rows.read([RawRow(1, dict(GOOD)), RawRow(2, dict(other)), RawRow(3, row)])
        (refused,) = found.refused
        assert refused.startswith(f"3: {told}: ")
        assert [one.model_code for one in found.models] == (
            ["LAVIDA-26", "OTHER"] if told == "model_code" else ["OTHER"]
        )
        ((number, price),) = found.prices
        assert (number, price.item_code, price.market, price.price.units, price.price.nanos) == (
            2, "BASE", "CN", 100, 500_000_000,
        )  # fmt: skip

    def test_a_row_that_is_none_is_told(self) -> None:
        found = catalogue_rows.read([BadRow(1, "CELLS_SURPLUS", "more cells than columns"), RawRow(2, dict(PRICED))])
        assert (found.refused, len(found.models), len(found.prices)) == (["1: more cells than columns"], 1, 1)
