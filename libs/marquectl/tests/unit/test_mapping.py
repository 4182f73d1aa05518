from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from marquectl.errors import UsageError
from marquectl.mapping import Plan, RowFault, load_plan
from marquectl.mapping.template import FILTERS, parse
from marquectl.mapping.values import date_pattern, iso_date

EXAMPLES = Path(__file__).parents[2] / "src" / "marquectl" / "mappings"


@pytest.fixture
def plan_of(tmp_path: Path) -> Any:
    def plan(kind: str, document: dict[str, Any], columns: list[str] | None) -> Plan:
        path = tmp_path / "map.yaml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        return load_plan(kind, path, columns)

    return plan


class TestLoadPlan:
    def test_columns_named_like_fields_need_no_entry(self) -> None:
        plan = load_plan("dealers", None, ["code", "name_zh_cn", "Name_EN", "latitude"], source="x")
        row = plan.kinds[0].build(7, {"code": "A1", "name_zh_cn": "东方", "Name_EN": "East", "latitude": "31.5"})
        assert (row.row, row.code, dict(row.names), row.latitude) == (7, "A1", {"zh-CN": "东方", "en": "East"}, 31.5)

    def test_every_section_does_its_part(self, plan_of: Any) -> None:
        plan = plan_of(
            "customers",
            {
                "source": "dms",
                "ignore": ["junk"],
                "nulls": ["-"],
                "columns": {"手机": "phone", "Sex": "gender", "born": "birth_date"},
                "constants": {"country_code": "CN"},
                "dates": {"birth_date": ["M/D/YYYY", "YYYY年M月D日"]},
                "values": {"gender": {"M": "male", "*": "undisclosed"}},
                "compose": {"source_key": "{shop|upper}-{no}"},
            },
            ["手机", "Sex", "born", "junk", "shop", "no", "email"],
        )
        cells = {"手机": "138", "Sex": "?", "born": "3/7/1990", "junk": "x", "shop": "sh", "no": "9", "email": "-"}
        row = plan.kinds[0].build(1, cells)
        assert (row.phone, row.gender, row.birth_date) == ("138", "undisclosed", "1990-03-07")
        assert (row.country_code, row.source_key, row.email) == ("CN", "SH-9", "")

    @pytest.mark.parametrize(
        ("document", "told"),
        [
            ({}, "neither mapped nor under `ignore`: strange"),
            ({"ignore": ["strange", "gone"]}, "no column gone"),
            ({"columns": {"strange": "colour"}}, "no field 'colour'"),
            ({"columns": {"strange": "phone", "email": "phone"}}, "given twice"),
            ({"colums": {}}, "unknown entries: colums"),
            ({"kinds": {"sales": {}}}, "nothing for customers"),
            ({"kinds": {"customers": {}}, "columns": {}}, "must stand under a kind"),
            ({"compose": {"phone": "{strange|shout}"}}, "no filter 'shout'"),
            ({"compose": {"phone": "{strange"}}, "brace"),
            ({"ignore": ["strange"], "dates": {"birth_date": "M/D"}}, "year, month and day"),
            ({"ignore": ["strange"], "values": {"sex": {}}}, "no field 'sex'"),
            ({"columns": ["strange"]}, "must be a mapping"),
        ],
    )
    def test_a_wrong_mapping_is_refused_by_name(self, plan_of: Any, document: dict[str, Any], told: str) -> None:
        with pytest.raises(UsageError, match=told):
            plan_of("customers", document, ["source_key", "email", "strange"])

    def test_kinds_go_in_the_order_in_which_they_refer_to_each_other(self, plan_of: Any) -> None:
        kinds = {name: {"compose": {"source_key": "{a}"}} for name in ("sales", "customers")}
        plan = plan_of("sales", {"kinds": {**kinds, "dealers": {"compose": {"code": "{a}"}}}}, ["a"])
        assert [part.kind.name for part in plan.kinds] == ["dealers", "customers", "sales"]

    def test_a_broken_file_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "map.yaml"
        path.write_text("a: [", encoding="utf-8")
        with pytest.raises(UsageError, match="no YAML"):
            load_plan("customers", path, [])

    @pytest.mark.parametrize("name", [path.name for path in EXAMPLES.glob("*.yaml")])
    def test_the_examples_are_right(self, name: str) -> None:
        document = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
        kind = list(document.get("kinds", {"customers": 0}))[-1]
        load_plan(kind, EXAMPLES / name, None)

    def test_json_lines_keep_lists_and_objects(self) -> None:
        plan = load_plan("repair-orders", None, None, source="x").kinds[0]
        row = plan.build(1, {"number": "R1", "lines": [{"complaint": "noise", "labour_minutes": 30}], "comeback": True})
        assert (row.lines[0].complaint, row.lines[0].labour_minutes, row.comeback) == ("noise", 30, True)

    def test_a_line_column_makes_a_line(self) -> None:
        plan = load_plan("repair-orders", None, ["number", "complaint", "labour_minutes"], source="x").kinds[0]
        row = plan.build(1, {"number": "R1", "complaint": "noise", "labour_minutes": "20"})
        assert [(line.complaint, line.labour_minutes) for line in row.lines] == [("noise", 20)]


class TestValues:
    @pytest.mark.parametrize(
        ("field", "text", "reason"),
        [
            ("odometer_km", "12,000", "NUMBER_INVALID"),
            ("odometer_km", "1e3", "NUMBER_INVALID"),
            ("odometer_km", "99999999999", "NUMBER_INVALID"),
            ("model_year", "new", "NUMBER_INVALID"),
        ],
    )
    def test_a_value_that_does_not_fit_names_its_field_and_never_itself(
        self, field: str, text: str, reason: str
    ) -> None:
        plan = load_plan("vehicles", None, [field], source="x").kinds[0]
        with pytest.raises(RowFault) as caught:
            plan.build(1, {field: text})
        assert (caught.value.field, caught.value.reason) == (field, reason)
        assert text not in caught.value.message

    @given(
        st.dates(date(1971, 1, 1), date(2068, 12, 31)),
        st.sampled_from(["M/D/YYYY", "DD.MM.YYYY", "YYYY-MM-DD", "YYYYMMDD", "D/M/YY", "YYYY年M月D日"]),
    )
    def test_a_date_written_in_a_format_is_read_back(self, day: date, form: str) -> None:
        parts = {
            "YYYY": f"{day.year:04d}",
            "YY": f"{day.year % 100:02d}",
            "MM": f"{day.month:02d}",
            "DD": f"{day.day:02d}",
        }
        text = form
        for token, value in parts.items():
            text = text.replace(token, value, 1)
        text = text.replace("M", str(day.month)).replace("D", str(day.day))
        assert iso_date("f", text, [date_pattern(form)]) == day.isoformat()

    @pytest.mark.parametrize(
        ("text", "reason"), [("2/30/2024", "DATE_INVALID"), ("2024-01-01", "DATE_FORMAT"), ("1/1/2024x", "DATE_FORMAT")]
    )
    def test_a_wrong_date_is_a_fault(self, text: str, reason: str) -> None:
        with pytest.raises(RowFault) as caught:
            iso_date("f", text, [date_pattern("M/D/YYYY")])
        assert caught.value.reason == reason


class TestTemplate:
    def test_empty_columns_leave_no_punctuation(self) -> None:
        template = parse("{a}-{b}", {})
        assert template.render({"a": " ", "b": None}) == ""
        assert template.render({"a": "1", "b": ""}) == "1-"

    def test_a_constant_is_always_there(self) -> None:
        assert parse("CN", {}).render({}) == "CN"

    @given(st.text(max_size=60))
    def test_a_code_has_the_shape_of_a_dealer_code(self, text: str) -> None:
        code = FILTERS["code"](text)
        assert len(code) <= 32
        assert all(char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-" for char in code)
        assert code == code.strip("-")
        assert FILTERS["code"](code) == code
