"""Formats of files → records: (column, value) pairs, or why a record cannot be read. Memory does not grow with the file.

A record that cannot be read is one faulty row; the rest goes on. Only what makes the whole file unreadable raises FileUnreadable.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import orjson

from servicekit.bulk.columns import Columns, Target
from servicekit.bulk.encodings import GB18030, Encoding, sniff
from servicekit.bulk.errors import FileUnreadable
from servicekit.errors import FieldViolation

Pairs = Iterator[tuple[Target | None, Any]]
Record = tuple[Pairs | None, list[FieldViolation]]
Reader = Callable[[BinaryIO, Columns, int], Iterator[Record]]

_LONGEST_CELL = 131_072  # characters: what Python's reader takes by default
LINE_LIMIT = 1024 * 1024
_SLICE = 10_000
_SHEET_LIMIT = 2 * 1024**3
_TEXTS_LIMIT = 128 * 1024**2
_ESCAPED = re.compile("[\udc80-\udcff]")

ENDINGS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".xlsx": "xlsx"}


def format_of(file_name: str) -> str:
    """Returns the format that a file's name tells; empty for none that is read here."""
    return next((kind for ending, kind in ENDINGS.items() if file_name.lower().endswith(ending)), "")


def records(file: BinaryIO, kind: str, columns: Columns, skip: int) -> Iterator[Record]:
    """Yields the data records of a file after the first `skip`. Raises FileUnreadable."""
    return _READERS[kind](file, columns, skip)


def count(file: BinaryIO, kind: str) -> int | None:
    """Returns how many data rows a file holds where its format says so."""
    if kind != "parquet":
        return None
    import polars

    return int(_parquet_frame(file).select(polars.len()).collect().item())


def _fault(reason: str, description: str) -> Record:
    return None, [FieldViolation("", reason, description)]


_OVERLONG = _fault("ROW_TOO_LONG", f"the row is longer than {LINE_LIMIT} characters")
_UNDECODABLE = _fault("TEXT_UNDECODABLE", "the row holds bytes that are no characters of the file's encoding")


class _Lines:
    """The lines of a text. An endless one is cut off and told by `overlong`, so that it cannot fill the memory."""

    def __init__(self, source: io.TextIOWrapper) -> None:
        self._source = source
        self.overlong = False

    def __iter__(self) -> Iterator[str]:
        while line := self._source.readline(LINE_LIMIT):
            if len(line) == LINE_LIMIT and not line.endswith(("\n", "\r")):
                self.overlong = True
                while line and not line.endswith("\n"):
                    line = self._source.readline(LINE_LIMIT)
                yield "\n"
            else:
                yield line


def _csv(file: BinaryIO, columns: Columns, skip: int) -> Iterator[Record]:
    return itertools.islice(_table(file, columns, ""), skip, None)


def _tsv(file: BinaryIO, columns: Columns, skip: int) -> Iterator[Record]:
    return itertools.islice(_table(file, columns, "\t"), skip, None)


def _table(file: BinaryIO, columns: Columns, delimiter: str) -> Iterator[Record]:
    encoding = sniff(file)
    source = io.TextIOWrapper(file, encoding.codec, errors="surrogateescape", newline="")
    lines = _Lines(source)
    stream = iter(lines)
    first = next((line for line in stream if line.strip()), "")
    if not first:
        raise FileUnreadable("IMPORT_FILE_EMPTY")
    csv.field_size_limit(
        _LONGEST_CELL
    )  # the limit is the process's: whoever else reads tables in it may have set another
    reader = csv.reader(itertools.chain([first], stream), delimiter=delimiter or _delimiter(first))
    try:
        targets = columns.header(next(reader))
    except csv.Error:
        raise FileUnreadable("IMPORT_COLUMNS_UNKNOWN") from None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:  # one monstrous field; the reader goes on with the next line
            yield _fault("ROW_UNREADABLE", "a quotation does not end, or a value is longer than 131072 characters")
            continue
        if lines.overlong:
            lines.overlong = False
            yield _OVERLONG
        elif any(cells):
            yield _cells(cells, targets, encoding)
    source.detach()


def _cells(cells: list[str], targets: list[Target | None], encoding: Encoding) -> Record:
    if encoding.faulty and any(_ESCAPED.search(cell) for cell in cells):
        return _UNDECODABLE
    if len(cells) > len(targets) and any(cells[len(targets) :]):
        return _fault("ROW_TOO_WIDE", "the row has more values than the header line has names")
    return zip(targets, cells, strict=False), []


def _delimiter(header: str) -> str:
    """The delimiter that parts the header line into most names, outside quotations."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=bare.count)


def _jsonl(file: BinaryIO, columns: Columns, skip: int) -> Iterator[Record]:
    return itertools.islice(_objects(file, columns), skip, None)


def _objects(file: BinaryIO, columns: Columns) -> Iterator[Record]:
    encoding = sniff(file)
    while line := file.readline(LINE_LIMIT):
        if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(LINE_LIMIT)
            yield _OVERLONG
        elif line.strip():
            yield _object(line, columns, encoding)


def _object(line: bytes, columns: Columns, encoding: Encoding) -> Record:
    try:
        text = line.decode(GB18030) if encoding.codec == GB18030 else line.decode()
        found = orjson.loads(text)
    except UnicodeDecodeError:
        return _UNDECODABLE
    except orjson.JSONDecodeError:
        return _fault("JSON_INVALID", "the line is not a JSON value")
    if not isinstance(found, dict):
        return _fault("JSON_INVALID", "the line is not a JSON object")
    return ((columns.target(key), value) for key, value in found.items()), []


def _parquet(file: BinaryIO, columns: Columns, skip: int) -> Iterator[Record]:
    frame = _parquet_frame(file)
    targets = columns.header(frame.collect_schema().names())
    offset = skip
    while True:
        rows = frame.slice(offset, _SLICE).collect().rows()
        for row in rows:
            yield zip(targets, row, strict=True), []
        if len(rows) < _SLICE:
            return
        offset += _SLICE


def _parquet_frame(file: BinaryIO) -> Any:
    """Opens a Parquet file lazily: slices read their own row groups only. The path keeps an unlinked temporary file nameless."""
    import polars

    file.flush()
    return polars.scan_parquet(f"/dev/fd/{file.fileno()}", glob=False)


def _xlsx(file: BinaryIO, columns: Columns, skip: int) -> Iterator[Record]:
    return itertools.islice(_sheet(file, columns), skip, None)


def _sheet(file: BinaryIO, columns: Columns) -> Iterator[Record]:
    from openpyxl import load_workbook

    with zipfile.ZipFile(file) as archive:  # a small archive may hold endless zeros
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    if sum(sizes.values()) > _SHEET_LIMIT or sizes.get("xl/sharedStrings.xml", 0) > _TEXTS_LIMIT:
        raise FileUnreadable("IMPORT_FILE_UNREADABLE")
    book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    rows = (row for row in book.worksheets[0].iter_rows(values_only=True) if any(cell is not None for cell in row))
    header = next(rows, None)
    if header is None:
        raise FileUnreadable("IMPORT_FILE_EMPTY")
    targets = columns.header(["" if name is None else str(name) for name in header])
    for row in rows:
        yield zip(targets, row, strict=False), []


_READERS: dict[str, Reader] = {"csv": _csv, "tsv": _tsv, "jsonl": _jsonl, "parquet": _parquet, "xlsx": _xlsx}
