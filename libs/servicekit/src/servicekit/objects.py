"""Files that people send, kept outside the database: an interface, and the one that keeps them as files of a folder.

An object has a key of ours (never a name that somebody sent) and never changes. Several replicas need one folder that all of them see.
An object is put before the row that names it, and removed after that row: whoever is killed between leaves an object without a row,
which `keys_before` finds.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol


class ObjectStore(Protocol):
    """Where objects lie."""

    def receiving(self) -> BinaryIO:
        """Returns a file to be written, which `put` takes over; closed without that, it is gone."""

    async def put(self, key: uuid.UUID, file: BinaryIO) -> None:
        """Keeps what was written as the object of a key, so that it outlives a power cut."""

    async def read(self, key: uuid.UUID, start: int, size: int) -> bytes:
        """Returns up to `size` bytes from `start` on; raises FileNotFoundError."""

    async def remove(self, key: uuid.UUID) -> None:
        """Removes an object; one that is gone already is no error."""

    async def keys_before(self, moment: datetime) -> list[uuid.UUID]:
        """Returns the keys of objects that were put before a moment."""


class FileStore:
    """Objects as files below a folder, two levels of sub-folders by the end of the key. Nobody else may read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def receiving(self) -> BinaryIO:
        incoming = self._folder / "incoming"
        incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.NamedTemporaryFile(dir=incoming)  # type: ignore[return-value]

    async def put(self, key: uuid.UUID, file: BinaryIO) -> None:
        await asyncio.to_thread(self._put, key, file)

    def _put(self, key: uuid.UUID, file: BinaryIO) -> None:
        target = self._path(key)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.flush()
        os.fsync(file.fileno())
        os.link(file.name, target)  # the temporary name goes with the file object
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def read(self, key: uuid.UUID, start: int, size: int) -> bytes:
        return await asyncio.to_thread(self._read, key, start, size)

    def _read(self, key: uuid.UUID, start: int, size: int) -> bytes:
        with self._path(key).open("rb") as file:
            file.seek(start)
            return file.read(size)

    async def remove(self, key: uuid.UUID) -> None:
        await asyncio.to_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def keys_before(self, moment: datetime) -> list[uuid.UUID]:
        return await asyncio.to_thread(lambda: sorted(self._older(moment)))

    def _older(self, moment: datetime) -> Iterator[uuid.UUID]:
        for path in self._folder.glob("??/??/*"):
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) < moment:
                yield uuid.UUID(path.name)

    def _path(self, key: uuid.UUID) -> Path:
        name = str(key)
        return self._folder / name[-2:] / name[-4:-2] / name
