"""What is left of a person: every column of every table, the broker's store, and files, searched for words that only they had."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import asyncpg

from servicekit.testing.platform import Platform


async def in_databases(platform: Platform, words: Iterable[str]) -> set[str]:
    """Returns `database.table: word` for each table that holds a word in any column, as text or as bytes."""
    found: set[str] = set()
    for name, address in platform.databases.items():
        connection = await asyncpg.connect(address)
        try:
            tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            for table in (row["tablename"] for row in tables):
                found |= {f"{name}.{table}: {word}" for word in await _held(connection, table, list(words))}
        finally:
            await connection.close()
    return found


async def _held(connection: asyncpg.Connection, table: str, words: list[str]) -> list[str]:
    """A row's text shows bytes as hexadecimal digits and JSON with its non-ASCII letters as they are."""
    forms = [[word.lower(), word.encode().hex(), word.lower().encode().hex()] for word in words]
    query = f"""SELECT w.word FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w (word, plain, hexed, lower_hexed)
        WHERE EXISTS (SELECT FROM "{table}" AS t WHERE position(w.plain IN lower(t::text)) > 0
            OR position(w.hexed IN t::text) > 0 OR position(w.lower_hexed IN t::text) > 0)"""  # noqa: S608 - of the catalogue's names
    rows = await connection.fetch(query, words, *([form[place] for form in forms] for place in range(3)))
    return [row["word"] for row in rows]


async def in_files(folders: Iterable[Path], words: Iterable[str]) -> set[str]:
    """Returns `file: word` for each file below some folders that holds a word."""
    return await asyncio.to_thread(_search, list(folders), [(word, word.encode().lower()) for word in words])


def _search(folders: list[Path], words: list[tuple[str, bytes]]) -> set[str]:
    found = set()
    for folder in folders:
        for path in [folder] if folder.is_file() else folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes().lower()
                found |= {f"{path.name}: {word}" for word, form in words if form in content}
    return found
