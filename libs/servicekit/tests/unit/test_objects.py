"""Objects as files: put as a whole or not at all, read in pieces, removed once and for all."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from servicekit.objects import FileStore


async def put(store: FileStore, content: bytes) -> uuid.UUID:
    key = uuid.uuid4()
    with store.receiving() as file:
        file.write(content)
        await store.put(key, file)
    return key


class TestFileStore:
    async def test_an_object_is_read_in_pieces_as_it_was_put(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path)
        key = await put(store, b"0123456789")

        assert [await store.read(key, start, 4) for start in (0, 4, 8, 12)] == [b"0123", b"4567", b"89", b""]

    async def test_a_removed_object_is_gone_and_removing_it_again_is_no_error(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path)
        key = await put(store, b"secret")
        for _ in range(2):
            await store.remove(key)

        with pytest.raises(FileNotFoundError):
            await store.read(key, 0, 1)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    async def test_what_was_never_put_leaves_nothing(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path)
        with store.receiving() as file:
            file.write(b"half a file")

        assert not [path for path in tmp_path.rglob("*") if path.is_file()]
        assert await store.keys_before(datetime.now(UTC) + timedelta(days=1)) == []

    async def test_objects_are_found_by_their_age_and_nobody_else_may_read_them(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path)
        key = await put(store, b"x")

        assert await store.keys_before(datetime.now(UTC) + timedelta(minutes=1)) == [key]
        assert await store.keys_before(datetime.now(UTC) - timedelta(minutes=1)) == []
        (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert path.stat().st_mode & 0o077 == 0
