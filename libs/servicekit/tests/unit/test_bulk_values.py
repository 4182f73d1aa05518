"""One value of a file: what it becomes, and what is refused with a reason that never repeats it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marque.customer.v1.customer_import_service_pb2 import CustomerImportRow
from marque.network.v1.network_import_service_pb2 import DealerImportRow
from marque.type.v1.import_pb2 import IMPORT_STATE_FAILED, Import
from marque.vehicle.v1.repair_order_import_rows_pb2 import RepairOrderImportRow
from servicekit.bulk.values import BadValue, converter, text

CONVERTERS = {
    "int32": converter(RepairOrderImportRow.DESCRIPTOR.fields_by_name["odometer_in_km"]),
    "int64": converter(CustomerImportRow.DESCRIPTOR.fields_by_name["row"]),
    "bool": converter(RepairOrderImportRow.DESCRIPTOR.fields_by_name["comeback"]),
    "double": converter(DealerImportRow.DESCRIPTOR.fields_by_name["latitude"]),
    "enum": converter(Import.DESCRIPTOR.fields_by_name["state"]),
    "message": converter(Import.DESCRIPTOR.fields_by_name["summary"]),
}


class TestConvert:
    @pytest.mark.parametrize(
        ("kind", "value", "wanted"),
        [
            ("int32", " 12 ", 12),
            ("int32", "12.0", 12),
            ("int32", 12.0, 12),
            ("int32", Decimal("12"), 12),
            ("int32", "2147483647", 2**31 - 1),
            ("int64", "-9223372036854775808", -(2**63)),
            ("double", "1e3", 1000.0),
            ("double", Decimal("0.5"), 0.5),
            ("bool", "是", True),
            ("bool", "No", False),
            ("bool", 1, True),
            ("enum", "failed", IMPORT_STATE_FAILED),
            ("enum", "IMPORT_STATE_FAILED", IMPORT_STATE_FAILED),
            ("enum", 4, IMPORT_STATE_FAILED),
        ],
    )
    def test_a_fitting_value_is_taken(self, kind: str, value: Any, wanted: Any) -> None:
        assert CONVERTERS[kind](value) == wanted

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("int32", "2147483648"),
            ("int32", "1,000"),
            ("int32", "12.5"),
            ("int32", "١٢"),
            ("int32", True),
            ("int32", float("inf")),
            ("int32", "9" * 5000),
            ("int64", 2**63),
            ("double", "nan"),
            ("double", "inf"),
            ("double", "1_0"),
            ("double", "1e999"),
            ("bool", "maybe"),
            ("enum", "lost"),
            ("message", "x"),
        ],
    )
    def test_an_unfitting_value_is_refused_without_being_repeated(self, kind: str, value: Any) -> None:
        with pytest.raises(BadValue) as refused:
            CONVERTERS[kind](value)
        assert refused.value.reason
        assert "maybe" not in refused.value.description
        assert "lost" not in refused.value.description

    @given(
        st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.binary(), st.lists(st.integers()))
    )
    def test_any_value_is_taken_or_refused(self, value: Any) -> None:
        for convert in CONVERTERS.values():
            try:
                convert(value)
            except BadValue:
                continue


class TestText:
    @pytest.mark.parametrize(
        ("value", "wanted"),
        [
            (13800138000.0, "13800138000"),
            (1.5, "1.5"),
            (True, "true"),
            (date(2024, 2, 29), "2024-02-29"),
            (datetime(2024, 2, 29), "2024-02-29"),  # noqa: DTZ001 - a spreadsheet's day
            (datetime(2024, 2, 29, 8, 30), "2024-02-29T08:30:00"),  # noqa: DTZ001
            (datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29T00:00:00+00:00"),
            (Decimal("10.50"), "10.50"),
        ],
    )
    def test_values_are_written_as_people_write_them(self, value: Any, wanted: str) -> None:
        assert text(value) == wanted

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", [1], {"a": 1}])
    def test_what_is_no_text_is_refused(self, value: Any) -> None:
        with pytest.raises(BadValue):
            text(value)
