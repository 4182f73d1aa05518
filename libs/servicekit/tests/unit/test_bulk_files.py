"""Files as rows: what was written comes out, in every format and encoding; what is hostile stays one refused row."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from marque.customer.v1.customer_import_service_pb2 import CustomerImportRow
from marque.network.v1.network_import_service_pb2 import DealerImportRow
from marque.vehicle.v1.repair_order_import_rows_pb2 import RepairOrderImportRow
from openpyxl import Workbook
from servicekit.bulk.candidates import Candidate
from servicekit.bulk.errors import FileUnreadable
from servicekit.bulk.files import RowFile
from servicekit.bulk.readers import LINE_LIMIT, format_of

NAMES = ["source_key", "full_name", "phone", "tags"]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tables = st.lists(st.tuples(st.text("abc123", min_size=1, max_size=8), texts, texts, texts), max_size=12)


def opened(content: bytes, file_format: str = "csv", row: Any = CustomerImportRow, **options: Any) -> RowFile:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - RowFile closes it
    file.write(content)
    file.seek(0)
    return RowFile(file, file_format, row, options.pop("mapping", {}), **options)


def read(content: bytes, file_format: str = "csv", row: Any = CustomerImportRow, **options: Any) -> list[Candidate]:
    file = opened(content, file_format, row, **options)
    found: list[Candidate] = []
    while some := file.take(3):
        found.extend(some)
    file.close()
    return found


def as_csv(rows: Any, header: Any = NAMES, **options: Any) -> str:
    target = io.StringIO(newline="")
    writer = csv.writer(target, **options)
    writer.writerow(header)
    writer.writerows(rows)
    return target.getvalue()


def values(found: list[Candidate]) -> list[tuple[str, ...]]:
    return [tuple(getattr(item.message, name) for name in NAMES) for item in found]


def reasons(found: list[Candidate]) -> list[tuple[int, str, str]]:
    return [(item.number, fault.field, fault.reason) for item in found for fault in item.violations]


def as_jsonl(rows: Any) -> bytes:
    return b"".join(json.dumps(dict(zip(NAMES, row, strict=True))).encode() + b"\n" for row in rows)


def as_parquet(rows: Any) -> bytes:
    target = io.BytesIO()
    polars.DataFrame(rows, schema=dict.fromkeys(NAMES, polars.String), orient="row").write_parquet(target)
    return target.getvalue()


class TestRoundTrip:
    @given(tables, st.sampled_from([",", ";", "\t"]), st.sampled_from(["utf-8", "utf-8-sig"]))
    @settings(max_examples=60, deadline=None)
    def test_a_table_comes_out_as_it_was_written(self, rows: Any, delimiter: str, encoding: str) -> None:
        found = read(as_csv(rows, delimiter=delimiter).encode(encoding))
        assert values(found) == rows
        assert [item.number for item in found] == list(range(1, len(rows) + 1))
        assert reasons(found) == []

    @given(tables)
    @settings(max_examples=60, deadline=None)
    def test_lines_of_json_come_out_as_they_were_written(self, rows: Any) -> None:
        assert values(read(as_jsonl(rows), "jsonl")) == rows

    @given(tables)
    @settings(max_examples=20, deadline=None)
    def test_a_parquet_file_comes_out_as_it_was_written(self, rows: Any) -> None:
        assert values(read(as_parquet(rows), "parquet")) == rows

    @given(tables, st.integers(0, 14), st.sampled_from([("csv", as_csv), ("jsonl", as_jsonl), ("parquet", as_parquet)]))
    @settings(max_examples=40, deadline=None)
    def test_reading_goes_on_behind_any_row(self, rows: Any, skip: int, how: tuple[str, Callable[[Any], Any]]) -> None:
        content = how[1](rows)
        content = content.encode() if isinstance(content, str) else content
        rest = read(content, how[0], skip=min(skip, len(rows)))
        assert values(rest) == rows[skip:]
        assert [item.number for item in rest] == list(range(skip + 1, len(rows) + 1))

    @given(st.lists(st.tuples(st.text("abc", min_size=1), st.text("王小明李华比亚迪", min_size=1)), min_size=1))
    @settings(max_examples=40, deadline=None)
    def test_gb18030_is_recognised(self, rows: Any) -> None:
        content = as_csv(rows, ["source_key", "full_name"]).encode("gb18030")
        assume(
            content.decode(errors="ignore").encode() != content
        )  # a lone 小 is a Cyrillic letter in UTF-8: nobody can tell
        found = read(content)
        assert [(item.message.source_key, item.message.full_name) for item in found] == rows

    def test_a_sheet_gives_texts_numbers_and_days_as_people_wrote_them(self) -> None:
        book = Workbook()
        for cells in (
            ["source_key", "full_name", "phone", "birth_date", None],
            ["k1", "王小明", 13800138000, datetime(1990, 5, 17), "no column"],  # noqa: DTZ001 - a spreadsheet knows no zone
            [None, None, None, None, None],
            [42, "x", 1.5, None, None],
        ):
            book.active.append(cells)
        target = io.BytesIO()
        book.save(target)
        found = read(target.getvalue(), "xlsx")
        first, second = (item.message for item in found)
        assert (first.source_key, first.phone, first.birth_date) == ("k1", "13800138000", "1990-05-17")
        assert (second.source_key, second.phone, second.birth_date) == ("42", "1.5", "")


class TestColumns:
    def test_mapped_columns_stand_before_those_that_only_bear_the_name(self) -> None:
        content = " 手机 ,phone,source_key,junk\n1,2,k,z\n".encode()
        (found,) = read(content, mapping={"手机": "phone"})
        assert (found.message.phone, found.message.source_key) == ("1", "k")

    def test_an_empty_mapping_drops_a_column(self) -> None:
        (found,) = read(b"source_key,phone\nk,1\n", mapping={"phone": ""})
        assert found.message.phone == ""

    def test_camel_case_names_are_taken(self) -> None:
        (found,) = read(b'{"sourceKey":"k","secondPhone":17}\n', "jsonl")
        assert (found.message.source_key, found.message.second_phone) == ("k", "17")

    def test_the_number_of_a_row_is_its_place_and_not_a_column(self) -> None:
        (found,) = read(b"row,source_key\n77,k\n")
        assert found.message.row == 1

    def test_columns_for_entries_of_a_map(self) -> None:
        content = "code,name_zh_cn,name_en,latitude\nD1,京城,Capital,39.9\n".encode()
        (found,) = read(content, row=DealerImportRow)
        assert dict(found.message.names) == {"zh-CN": "京城", "en": "Capital"}
        assert found.message.latitude == 39.9

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            (b"a,b,c\n1,2,3\n", "IMPORT_COLUMNS_UNKNOWN"),
            (b"phone,phone\n1,2\n", "IMPORT_COLUMN_TWICE"),
            (b"", "IMPORT_FILE_EMPTY"),
            (b"\n \n", "IMPORT_FILE_EMPTY"),
            ("source_key\nk\n".encode("utf-16"), "IMPORT_ENCODING_UNKNOWN"),
        ],
    )
    def test_a_file_without_usable_columns_is_unreadable(self, header: bytes, reason: str) -> None:
        with pytest.raises(FileUnreadable) as failure:
            read(header)
        assert failure.value.reason == reason


class TestLines:
    CONTENT = (
        b"dealer_code,number,vin,complaint,labour_minutes\n"
        b"D1,1,V,noise,10\nD1,1,V,smell,x\nD1,2,V,,\nD2,2,V,light,5\nD2,2,V,oil,6\nD2,2,V,door,7\n"
    )

    def test_rows_with_one_key_that_follow_each_other_are_one_order(self) -> None:
        found = read(self.CONTENT, row=RepairOrderImportRow, group_by=("dealer_code", "number"))
        got = [(item.number, item.last, [line.complaint for line in item.message.lines]) for item in found]
        assert got == [(1, 2, ["noise", "smell"]), (3, 3, []), (4, 6, ["light", "oil", "door"])]
        assert reasons(found) == [(1, "lines.labour_minutes", "INTEGER_INVALID")]

    def test_reading_goes_on_behind_a_whole_order(self) -> None:
        found = read(self.CONTENT, row=RepairOrderImportRow, group_by=("dealer_code", "number"), skip=2)
        assert [(item.number, item.last) for item in found] == [(3, 3), (4, 6)]

    def test_json_lines_hold_the_lines_as_objects(self) -> None:
        line = b'{"number":"1","lines":[{"complaint":"noise","labourMinutes":5},{"cause":"x"}],"comeback":true}\n'
        (found,) = read(line, "jsonl", RepairOrderImportRow)
        assert [(part.complaint, part.labour_minutes) for part in found.message.lines] == [("noise", 5), ("", 0)]
        assert found.message.comeback is True


class TestHostileRows:
    def test_bytes_that_are_no_characters_refuse_their_row_only(self) -> None:
        lines = [b"source_key,full_name", *(f"k{n},王小明".encode() for n in range(5))]
        lines[3] = b"k2,\xff\xfe"
        found = read(b"\n".join(lines))
        assert reasons(found) == [(3, "", "TEXT_UNDECODABLE")]
        assert [item.message.full_name for item in found if item.message] == ["王小明"] * 4

    def test_a_broken_byte_in_gb18030_refuses_its_row_only(self) -> None:
        lines = [b"source_key,full_name", *(f"k{n},王小明".encode("gb18030") for n in range(5))]
        lines[2] += b"\xff"
        found = read(b"\r\n".join(lines))
        assert reasons(found) == [(2, "", "TEXT_UNDECODABLE")]
        assert found[4].message.full_name == "王小明"

    def test_an_endless_line_refuses_its_row_only(self) -> None:
        content = b"source_key,full_name\nk1,a\nk2," + b"x" * (3 * LINE_LIMIT) + b"\nk3,b\n"
        found = read(content)
        assert reasons(found) == [(2, "", "ROW_TOO_LONG")]
        assert found[2].message.source_key == "k3"

    def test_an_endless_line_of_json_refuses_its_row_only(self) -> None:
        content = b'{"phone":"1"}\n{"phone":"' + b"x" * (3 * LINE_LIMIT) + b'"}\n{"phone":"3"}\n'
        found = read(content, "jsonl")
        assert reasons(found) == [(2, "", "ROW_TOO_LONG")]
        assert found[2].message.phone == "3"

    def test_a_quotation_without_end_does_not_swallow_the_file(self) -> None:
        rows = b"".join(b"k%d,name\n" % n for n in range(40_000))
        found = read(b'source_key,full_name\nk,"open\n' + rows)
        assert found[0].violations[0].reason == "ROW_UNREADABLE"
        assert found[-1].message.source_key == "k39999"
        assert len(found) > 20_000

    def test_more_values_than_names_refuse_the_row(self) -> None:
        found = read(b"source_key,phone\nk1,1,2\nk2,1,,\nk3\n")
        assert reasons(found) == [(1, "", "ROW_TOO_WIDE")]
        assert [item.message.source_key for item in found[1:]] == ["k2", "k3"]

    def test_lines_that_are_no_objects_are_refused(self) -> None:
        found = read(b'[1]\n{"phone":\n"x"\n\n{"phone":{"a":1}}\n{"phone":"\\ud800"}\n{"phone":"1"}\n', "jsonl")
        assert [item[2] for item in reasons(found)] == ["JSON_INVALID"] * 3 + ["TYPE_INVALID", "JSON_INVALID"]
        assert found[-1].message.phone == "1"

    @given(st.binary(max_size=300), st.sampled_from(["csv", "tsv", "jsonl", "xlsx"]))
    @settings(max_examples=150, deadline=None)
    def test_any_bytes_are_rows_or_an_unreadable_file(self, content: bytes, file_format: str) -> None:
        prefix = b"source_key,phone\n" if file_format == "csv" else b""
        try:
            found = read(prefix + content, file_format)
        except FileUnreadable:
            return
        assert [item.number for item in found] == list(range(1, len(found) + 1))
        assert all(item.message is not None or item.violations for item in found)

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"x" * 1000])
    def test_what_is_no_parquet_is_an_unreadable_file(self, content: bytes) -> None:
        with pytest.raises(FileUnreadable) as failure:
            read(content, "parquet")
        assert failure.value.reason == "IMPORT_FILE_UNREADABLE"

    def test_an_archive_of_endless_zeros_is_not_unpacked(self) -> None:
        target = io.BytesIO()
        with (
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("xl/sharedStrings.xml", "w") as part,
        ):
            for _ in range(130):
                part.write(bytes(1024 * 1024))
        with pytest.raises(FileUnreadable):
            read(target.getvalue(), "xlsx")


class TestFormat:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("a.csv", "csv"),
            ("A.CSV", "csv"),
            ("a.tsv", "tsv"),
            ("a.ndjson", "jsonl"),
            ("a.xlsx", "xlsx"),
            ("a.xls", ""),
            ("csv", ""),
        ],
    )
    def test_the_ending_tells_the_format(self, name: str, kind: str) -> None:
        assert format_of(name) == kind

    def test_parquet_says_how_many_rows_it_holds_and_csv_does_not(self) -> None:
        assert opened(as_parquet([("a", "", "", "")] * 7), "parquet").total == 7
        assert opened(as_csv([]).encode()).total is None
