"""SQL of threads and notes. The case is seen before; these are asked for by its id alone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
from servicekit.db.engine import Reader
from servicekit.paging import Page

_LISTS = {
    "case_messages": ("message_id", "message_id, case_id, author, text, create_time"),
    "case_notes": ("note_id", "note_id, case_id, staff_id, text, create_time"),
}


async def words(
    reader: Reader, table: str, case_ids: Sequence[uuid.UUID], page: Page, after: tuple[datetime, uuid.UUID] | None
) -> list[asyncpg.Record]:
    """Returns a page of the messages or notes of a case and of those that were merged into it, in order, and one more."""
    key, columns = _LISTS[table]
    arguments: list[Any] = [list(case_ids), page.size + 1]
    later = ""
    if after is not None:
        arguments += after
        later = f"AND (create_time, {key}) > ($3, $4)"
    sql = f"SELECT {columns} FROM {table} WHERE case_id = ANY($1) {later} ORDER BY create_time, {key} LIMIT $2"  # noqa: S608
    return list(await reader.fetch(sql, *arguments))
