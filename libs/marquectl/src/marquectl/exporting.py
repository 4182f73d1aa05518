"""Rows of the List RPCs as a file of JSON lines or CSV."""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from marquectl.contract import Kind, message_of, method
from marquectl.door import Door
from marquectl.errors import UsageError

PAGE = 1_000
_DEEPEST = 3


async def export_rows(door: Door, kind: Kind, out: Path) -> int:
    """Writes all rows that the caller may see and returns their number; the file replaces an older one when it is complete.

    JSON lines hold the messages as the contracts name their fields. CSV has a column per field, parts as `name.full_name`, lists of
    texts parted by semicolons, other lists and maps as JSON. Raises UsageError for another ending, DoorError.
    """
    form = out.suffix.lower()
    if form not in (".csv", ".jsonl"):
        raise UsageError(f"{out.name}: the ending tells the format; it must be .csv or .jsonl")
    if not kind.lister:
        raise UsageError(f"{kind.name} can be imported, but no list holds all of them: they are not exported")
    listing = method(kind.lister)
    ordered = {"order_by": kind.order_by} if kind.order_by else {}  # some lists have one order only
    rows = door.pages(kind.lister, kind.items, listing.input(page_size=PAGE, **ordered))
    with replaced(out) as file:
        if form == ".csv":
            item = message_of(listing.output.DESCRIPTOR.fields_by_name[kind.items])
            return await _write_csv(file, item, rows)
        return await _write_lines(file, rows)


@contextlib.contextmanager
def replaced(out: Path) -> Iterator[Any]:
    """Gives a file to write, which takes the place of another when it is whole, or goes. Raises UsageError."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    except OSError as error:
        raise UsageError(f"{out.parent} cannot be written to ({error.strerror})") from None
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)


async def _write_lines(file: Any, rows: AsyncIterator[Message]) -> int:
    written = 0
    async for row in rows:
        file.write(orjson.dumps(_plain(row)).decode() + "\n")
        written += 1
    return written


async def _write_csv(file: Any, item: Descriptor, rows: AsyncIterator[Message]) -> int:
    columns = _columns(item)
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    written = 0
    async for row in rows:
        cells: dict[str, Any] = {}
        _flatten(_plain(row), "", set(columns), cells)
        writer.writerow(cells)
        written += 1
    return written


def _plain(row: Message) -> dict[str, Any]:
    return MessageToDict(row, preserving_proto_field_name=True)


def _columns(message: Descriptor, prefix: str = "", depth: int = 1) -> list[str]:
    found = []
    for field in message.fields:
        part = field.message_type
        if part is None or field.is_repeated or depth == _DEEPEST or _one_value(part):
            found.append(f"{prefix}{field.name}")
        else:
            found += _columns(part, f"{prefix}{field.name}.", depth + 1)
    return found


def _one_value(part: Descriptor) -> bool:
    """Whether JSON writes the message as a text: times, durations."""
    return part.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration")


def _flatten(value: dict[str, Any], prefix: str, columns: set[str], cells: dict[str, Any]) -> None:
    for name, found in value.items():
        column = f"{prefix}{name}"
        if column not in columns:
            _flatten(found, f"{column}.", columns, cells)
        elif isinstance(found, list) and all(isinstance(item, str) for item in found):
            cells[column] = ";".join(found)
        elif isinstance(found, (list, dict)):
            cells[column] = orjson.dumps(found).decode()
        else:
            cells[column] = found
