from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marquectl.errors import UsageError
from marquectl.readers import BadRow, RawRow, SourceFile

# NUL is refused by csv itself, surrogates are no text, and cells are stripped later, by the mapping.
CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


def write(folder: Path, name: str, data: bytes) -> SourceFile:
    path = folder / name
    path.write_bytes(data)
    return SourceFile.survey(path)


def table(rows: list[list[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


class TestCsv:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(CELL, CELL, CELL), max_size=12), st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]))
    def test_every_written_row_is_read_back_in_each_encoding(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], encoding: str
    ) -> None:
        kept = [list(row) for row in rows if any(cell.strip() for cell in row)]
        data = table([["姓名", "备注", "城市"], *kept]).encode(encoding)
        file = write(tmp_path_factory.mktemp("csv"), "rows.csv", data)
        if file.encoding != encoding:
            # Bytes that are right in both are read as UTF-8: the contents may then differ, which the operator can overrule.
            file = SourceFile(file.path, file.format, file.sha256, file.size, encoding)
        found = list(file.rows())
        assert [list(row.cells.values()) for row in found if isinstance(row, RawRow)] == kept
        assert [row.number for row in found] == list(range(1, len(kept) + 1))

    @pytest.mark.parametrize(
        ("data", "encoding"),
        [
            ("姓名\n王伟\n".encode(), "utf-8"),
            ("姓名\n王伟\n".encode("utf-8-sig"), "utf-8-sig"),
            ("姓名,备注\n王伟,首保\n".encode("gb18030"), "gb18030"),
            (b"name\nWei\n", "utf-8"),
        ],
    )
    def test_the_encoding_is_found(self, tmp_path: Path, data: bytes, encoding: str) -> None:
        file = write(tmp_path, "a.csv", data)
        assert file.encoding == encoding
        assert file.columns()[0] in ("姓名", "name")

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_the_delimiter_is_found(self, tmp_path: Path, delimiter: str) -> None:
        file = write(tmp_path, "a.csv", table([["a", "b"], ["1", "2"]], delimiter).encode())
        assert [row.cells for row in file.rows()] == [{"a": "1", "b": "2"}]

    def test_a_row_with_too_many_cells_is_bad_and_the_next_is_read(self, tmp_path: Path) -> None:
        found = list(write(tmp_path, "a.csv", b"a,b\n1,2,3\n4,5,\n6\n").rows())
        assert isinstance(found[0], BadRow)
        assert found[0].reason == "CELLS_SURPLUS"
        assert [row.cells for row in found[1:]] == [{"a": "4", "b": "5"}, {"a": "6"}]

    @pytest.mark.parametrize(
        ("name", "data", "told"),
        [
            ("a.csv", b"", "no header line"),
            ("a.csv", b"a,a\n1,2\n", "same name"),
            ("a.csv", b"\xff\xff\xff", "neither UTF-8 nor GB 18030"),
            ("a.xlsx", b"PK", "ending"),
        ],
    )
    def test_a_file_that_is_no_table_is_refused(self, tmp_path: Path, name: str, data: bytes, told: str) -> None:
        with pytest.raises(UsageError, match=told):
            list(write(tmp_path, name, data).rows())

    def test_a_quote_without_end_is_named_by_its_line(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="line"):
            list(write(tmp_path, "a.csv", b'a,b\n1,"2\n3,4\n').rows())

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="No such file"):
            SourceFile.survey(tmp_path / "none.csv")


class TestJsonLines:
    def test_bad_lines_are_bad_rows_between_good_ones(self, tmp_path: Path) -> None:
        lines = [json.dumps({"a": [1, 2]}), "{", "[1]", "", json.dumps({"a": "ü"})]
        found = list(write(tmp_path, "a.jsonl", "\n".join(lines).encode()).rows())
        assert [isinstance(row, BadRow) for row in found] == [False, True, True, False]
        assert [row.number for row in found] == [1, 2, 3, 4]


class TestParquet:
    def test_rows_come_in_order_over_slices(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        polars.DataFrame({"n": list(range(4_500)), "t": ["x"] * 4_500}).write_parquet(path)
        file = SourceFile.survey(path)
        assert file.columns() == ["n", "t"]
        assert [(row.number, row.cells["n"]) for row in file.rows()] == [(n + 1, n) for n in range(4_500)]

    def test_what_only_calls_itself_parquet_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="Parquet"):
            write(tmp_path, "a.parquet", b"no").columns()
