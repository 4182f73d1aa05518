"""A stored file as rows of a contract: read forward in portions, numbered from 1 by data row, each with what is wrong with it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from google.protobuf.message import Message

from servicekit.bulk import readers
from servicekit.bulk.candidates import Candidate
from servicekit.bulk.columns import Columns
from servicekit.bulk.errors import FileUnreadable


class RowFile:
    """Rows of one file. `group_by` names the fields by which data rows that follow each other are the lines of one row.

    `position` is the number of the last data row taken; a file opened with `skip` goes on behind it. Raises FileUnreadable, at once or
    while rows are taken. Not for use by two threads at once.
    """

    def __init__(
        self,
        file: BinaryIO,
        file_format: str,
        row: type[Message],
        mapping: Mapping[str, str],
        *,
        group_by: Sequence[str] = (),
        skip: int = 0,
    ) -> None:
        self._file = file
        self._columns = Columns(row, mapping)
        self._group_by = tuple(group_by)
        self.position = skip
        try:
            self.total = readers.count(file, file_format)
            self._rows = self._grouped(readers.records(file, file_format, self._columns, skip), skip)
        except Exception as error:
            raise _unreadable(error) from error

    def take(self, limit: int) -> list[Candidate]:
        """Returns the next rows, at most `limit`; none at the end."""
        try:
            found = list(itertools.islice(self._rows, limit))
        except Exception as error:
            raise _unreadable(error) from error
        if found:
            self.position = found[-1].last
        return found

    def advance(self, position: int) -> None:
        """Passes over rows that another worker has imported."""
        while self.position < position and self.take(1):
            pass

    def close(self) -> None:
        """Closes the file."""
        self._rows = iter(())
        self._file.close()

    def _grouped(self, records: Iterator[readers.Record], skip: int) -> Iterator[Candidate]:
        pending: Candidate | None = None
        for number, (pairs, faults) in enumerate(records, skip + 1):
            message: Any = None
            if pairs is not None:
                message, faults = self._columns.build(pairs)
                message.row = number
            row = Candidate(number, number, message, faults)
            if pending is not None and self._belongs(pending, row):
                pending.violations.extend([*faults, *self._columns.fold(pending.message, message)])
                pending.last = number
                continue
            if pending is not None:
                yield pending
            pending = row
        if pending is not None:
            yield pending

    def _belongs(self, first: Candidate, following: Candidate) -> bool:
        if not self._group_by or first.message is None or following.message is None:
            return False
        keys = [getattr(following.message, name) for name in self._group_by]
        return all(keys) and keys == [getattr(first.message, name) for name in self._group_by]


def _unreadable(error: Exception) -> FileUnreadable:
    """Whatever a parser says of a file as a whole: the file is at fault, and trying again cannot help."""
    return error if isinstance(error, FileUnreadable) else FileUnreadable("IMPORT_FILE_UNREADABLE")
