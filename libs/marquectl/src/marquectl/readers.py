"""Files of rows: CSV, JSON lines and Parquet, read piece by piece, each row numbered from 1 without the header line.

A row that cannot be read is given as a `BadRow`, so that the others go on; a file that cannot be read raises UsageError.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from marquectl.errors import UsageError

_BLOCK = 1 << 20
_PARQUET_ROWS = 2_000
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 1 << 20
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030")


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it: column → value (text; numbers, lists and objects too from JSON lines and Parquet)."""

    number: int
    cells: dict[str, Any]
    done: float = 0.0


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no row: why, as a constant and in words that do not repeat its content."""

    number: int
    reason: str
    message: str
    done: float = 0.0


@dataclass(frozen=True)
class SourceFile:
    """A file of rows after one look through it: format, SHA-256 and, for text, encoding."""

    path: Path
    format: str
    sha256: str
    size: int
    encoding: str = ""
    header: tuple[str, ...] = ()

    @classmethod
    def survey(cls, path: Path, encoding: str = "", header: tuple[str, ...] = ()) -> SourceFile:
        """Reads the file once. `encoding` overrules what is found; `header` are the columns of a file that has no header line, which is
        seen by its first cell. Raises UsageError where it is no file of rows.
        """
        form = path.suffix.lower().removeprefix(".").replace("ndjson", "jsonl")
        if form not in ("csv", "tsv", "jsonl", "parquet"):
            raise UsageError(f"{path.name}: the ending tells the format; it must be .csv, .tsv, .jsonl or .parquet")
        try:
            sha, size, found = _look_through(path, text=form != "parquet")
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or 'cannot be read'}") from None
        if form == "parquet":
            return cls(path, form, sha, size)
        if encoding:
            try:
                found = codecs.lookup(encoding).name
            except LookupError:
                raise UsageError(f"there is no encoding {encoding}") from None
        if not found:
            raise UsageError(f"{path.name} is neither UTF-8 nor GB 18030; name its encoding in the mapping file")
        return cls(path, form, sha, size, found, header)

    def columns(self, delimiter: str = "") -> list[str] | None:
        """The names of the columns; None for JSON lines, where each row names its own."""
        if self.format == "jsonl":
            return None
        if self.format == "parquet":
            return _parquet_columns(self.path)
        with self._open() as text:
            return _header(text, self, delimiter)[0]

    def rows(self, delimiter: str = "") -> Iterator[RawRow | BadRow]:
        """Yields every row in order; `done` is the share of the file read so far, 0 to 1."""
        if self.format == "parquet":
            return _parquet_rows(self.path)
        return self._lines() if self.format == "jsonl" else self._table(delimiter)

    def _open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self.path.open("rb"), encoding=self.encoding, errors="strict", newline="")

    def _done(self, text: io.TextIOWrapper) -> float:
        read: int = text.buffer.tell()  # type: ignore[attr-defined]
        return min(1.0, read / self.size) if self.size else 1.0

    def _table(self, delimiter: str) -> Iterator[RawRow | BadRow]:
        with self._open() as text:
            columns, reader = _header(text, self, delimiter)
            number = 0
            try:
                for cells in reader:
                    if not any(cell.strip() for cell in cells):
                        continue  # a blank line
                    number += 1
                    done = self._done(text)
                    if any(cell.strip() for cell in cells[len(columns) :]):
                        yield BadRow(
                            number, "CELLS_SURPLUS", f"the row has more cells than the {len(columns)} columns", done
                        )
                    else:
                        yield RawRow(number, dict(zip(columns, cells, strict=False)), done)
            except (csv.Error, UnicodeDecodeError) as error:
                raise _unreadable(self.path, reader.line_num, error) from None

    def _lines(self) -> Iterator[RawRow | BadRow]:
        with self._open() as text:
            number = 0
            try:
                for line in text:
                    plain = line.strip().lstrip("\ufeff")
                    if not plain:
                        continue
                    number += 1
                    yield _json_row(number, plain, self._done(text))
            except UnicodeDecodeError as error:
                raise _unreadable(self.path, number + 1, error) from None


def _look_through(path: Path, *, text: bool) -> tuple[str, int, str]:
    """Returns SHA-256, size and the encoding: UTF-8 (with or without mark) where every byte fits, else GB 18030, else empty."""
    digest, size, first = hashlib.sha256(), 0, b""
    candidates = {name: codecs.getincrementaldecoder(name)("strict") for name in ("utf-8", "gb18030")} if text else {}
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            first = first or block[:3]
            size += len(block)
            candidates = {name: decoder for name, decoder in candidates.items() if _fits(decoder, block, final=False)}
    fitting = [name for name, decoder in candidates.items() if _fits(decoder, b"", final=True)]
    if fitting and fitting[0] == "utf-8" and first == codecs.BOM_UTF8:
        fitting = ["utf-8-sig"]
    return digest.hexdigest(), size, fitting[0] if fitting else ""


def _fits(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _header(text: io.TextIOWrapper, file: SourceFile, delimiter: str) -> tuple[list[str], Any]:
    """Reads the header line; returns the columns and a reader that stands behind it."""
    csv.field_size_limit(_LONGEST_CELL)
    if not delimiter:
        start = text.read(64 * 1024)
        text.seek(0)
        line = start.partition("\n")[0]
        delimiter = "\t" if file.format == "tsv" else max(_DELIMITERS, key=line.count)
    if file.header and text.readline().split(delimiter, 1)[0].strip(' "\ufeff') != file.header[0]:
        text.seek(0)
        width = text.readline().count(delimiter) + 1
        text.seek(0)
        return list(file.header[:width]), csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    if file.header:
        text.seek(0)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        columns = [name.strip().lstrip("\ufeff") for name in next(reader, [])]
    except csv.Error as error:
        raise _unreadable(file.path, 1, error) from None
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise UsageError(f"{file.path.name} has no header line")
    if doubled := sorted({name or "(empty)" for name in columns if columns.count(name) > 1}):
        raise UsageError(f"{file.path.name} has columns of the same name: {', '.join(doubled)}")
    return columns, reader


def _unreadable(path: Path, line: int, error: Exception) -> UsageError:
    why = "the encoding changes there" if isinstance(error, UnicodeDecodeError) else str(error)
    return UsageError(f"{path.name} cannot be read at line {line}: {why}")


def _json_row(number: int, line: str, done: float) -> RawRow | BadRow:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return BadRow(number, "JSON_INVALID", f"the line is no JSON: {error.msg} at column {error.colno}", done)
    if not isinstance(found, dict):
        return BadRow(number, "JSON_INVALID", "the line is no JSON object", done)
    return RawRow(number, found, done)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    import polars

    try:
        yield
    except (polars.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path.name} cannot be read as Parquet ({type(error).__name__})") from None


def _parquet_columns(path: Path) -> list[str]:
    import polars

    with _reading(path):
        return list(polars.scan_parquet(path).collect_schema().names())


def _parquet_rows(path: Path) -> Iterator[RawRow]:
    import polars

    with _reading(path):
        frame = polars.scan_parquet(path)
        total = frame.select(polars.len()).collect().item()
    for start in range(0, total, _PARQUET_ROWS):
        # A slice is pushed down to the file, so that memory stays bounded whatever its size.
        with _reading(path):
            part = frame.slice(start, _PARQUET_ROWS).collect()
        for index, cells in enumerate(part.iter_rows(named=True), start + 1):
            yield RawRow(index, cells, index / total)
