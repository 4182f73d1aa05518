"""COPY in PostgreSQL's binary format, a column at a time (https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS).

A driver encodes row by row and looks up each value's codec anew; that takes as long as all of an import's own arithmetic. Here a column is
encoded in one pass, a value that all rows share once, and a column that no row fills is left out, to its default in the table.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any
from uuid import UUID

NULL = b"\xff\xff\xff\xff"
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TEXT_OID = 25
_SIZE = struct.Struct(">i").pack
_SIZES = [_SIZE(size) for size in range(4096)]
_TRUE, _FALSE = _SIZES[1] + b"\x01", _SIZES[1] + b"\x00"

Column = Iterable[bytes]


def sized(value: bytes) -> bytes:
    """Returns bytes with their length before them: a bytea, or a text in UTF-8."""
    size = len(value)
    return (_SIZES[size] if size < 4096 else _SIZE(size)) + value


def blobs(values: Iterable[bytes]) -> Column:
    """Encodes a column of bytea."""
    return map(sized, values)


def texts(values: Iterable[str]) -> Column:
    """Encodes a column of text."""
    return map(sized, map(str.encode, values))


def uuids(values: Iterable[bytes]) -> Column:
    """Encodes a column of uuid from the sixteen bytes of each."""
    return map(_SIZES[16].__add__, values)


def smallints(values: Iterable[int]) -> Column:
    """Encodes a column of smallint."""
    pack = struct.Struct(">ih").pack
    return [pack(2, value) for value in values]


def integers(values: Iterable[int]) -> Column:
    """Encodes a column of integer."""
    pack = struct.Struct(">ii").pack
    return [pack(4, value) for value in values]


def bigint(value: int) -> bytes:
    """Encodes one bigint."""
    return struct.pack(">iq", 8, value)


def moment(value: datetime) -> bytes:
    """Encodes one timestamptz: microseconds since 2000."""
    since = value - _EPOCH
    return bigint((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def booleans(values: Iterable[bool]) -> Column:
    """Encodes a column of boolean."""
    return [_TRUE if value else _FALSE for value in values]


def optional_texts(values: Iterable[str | None]) -> Column:
    """Encodes a column of text that may be NULL."""
    return [NULL if value is None else sized(value.encode()) for value in values]


def optional_uuids(values: Iterable[UUID | None]) -> Column:
    """Encodes a column of uuid that may be NULL."""
    return [NULL if value is None else _SIZES[16] + value.bytes for value in values]


def optional_moments(values: Iterable[datetime | None]) -> Column:
    """Encodes a column of timestamptz that may be NULL."""
    return [NULL if value is None else moment(value) for value in values]


def json_texts(values: Iterable[bytes]) -> Column:
    """Encodes a column of jsonb from JSON in UTF-8."""
    return [sized(b"\x01" + value) for value in values]


def text_arrays(values: Iterable[Sequence[str]]) -> Column:
    """Encodes a column of text[], of one dimension and without NULL in it."""
    return map(_text_array, values)


_ARRAY_HEAD = struct.Struct(">iiIii").pack
_ARRAY_HEADS = [_ARRAY_HEAD(1, 0, _TEXT_OID, size, 1) for size in range(256)]
_NO_ITEMS = _SIZES[12] + struct.pack(">iiI", 0, 0, _TEXT_OID)


def _text_array(items: Sequence[str]) -> bytes:
    count = len(items)
    if not count:
        return _NO_ITEMS
    head = _ARRAY_HEADS[count] if count < 256 else _ARRAY_HEAD(1, 0, _TEXT_OID, count, 1)
    return sized(head + b"".join([sized(item.encode()) for item in items]))


class Copy:
    """Rows of one table on their way: `columns` by name, each of as many encoded values as there are rows, or one that all rows share."""

    def __init__(self, table: str, rows: int, columns: dict[str, Column | bytes]) -> None:
        self.table = table
        self.rows = rows
        self._columns = columns

    def content(self) -> bytes:
        """Returns the rows as COPY reads them. Consumes the columns; raises ValueError where they differ in length."""
        columns = [struct.pack(">h", len(self._columns)), *self._columns.values()]
        full = (repeat(column, self.rows) if isinstance(column, bytes) else column for column in columns)
        body = chain.from_iterable(zip(*full, strict=True))
        return b"".join(chain((_HEAD,), body, (_TAIL,)))

    async def send(self, connection: Any) -> None:
        """Writes the rows through an asyncpg connection, inside the transaction that is open on it."""
        if self.rows:
            content = memoryview(self.content())  # bytes as such would be taken for the name of a file
            await connection.copy_to_table(self.table, source=content, columns=list(self._columns), format="binary")
