"""What stays of an import on disk: the errors file, and while it is unfinished the place to go on from."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from marquectl.importing.feed import Counts, Rejected

COLUMNS = ("kind", "row", "key", "field", "reason", "message")
_FORMULA = ("=", "+", "-", "@", "\t")


@dataclass
class Progress:
    """How far an import has come. `fingerprint` says of what: file, mapping, source and mode; `error_bytes` is the length of the errors
    file that belongs to it. Of a file that replaces: `request_id` is the key of its upload, `import_id` the service's import of it.
    """

    fingerprint: str
    kind: str = ""
    row: int = 0
    finished_kinds: list[str] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    error_bytes: int = 0
    request_id: str = ""
    import_id: str = ""


def inert(text: str) -> str:
    """Returns a text as a spreadsheet shows it and never computes it: keys of bad rows are whatever their sender wrote."""
    text = text.replace("\r", " ")  # the writer does not quote it, and readers take it for the end of the line
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


class ErrorsFile:
    """A CSV of the faults of rejected rows. It exists only where there is one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, keep: int) -> None:
        """Cuts off what is after `keep` bytes: lines of an interrupted run that will be told again."""
        if keep == 0:
            self.path.unlink(missing_ok=True)
        elif self.path.exists():
            os.truncate(self.path, min(keep, self.path.stat().st_size))

    def add(self, kind: str, faults: Iterable[Rejected]) -> int:
        """Appends faults; returns the length of the file."""
        lines = list(faults)
        if lines:
            # The mark at the beginning makes spreadsheets read it as UTF-8.
            fresh = not self.path.exists() or self.path.stat().st_size == 0
            with self.path.open("a", encoding="utf-8-sig" if fresh else "utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if fresh:
                    writer.writerow(COLUMNS)
                writer.writerows(
                    [(kind, one.row, inert(one.key), inert(one.field), one.reason, inert(one.message)) for one in lines]
                )
        return self.path.stat().st_size if self.path.exists() else 0


class ResumeFile:
    """The state of an unfinished import, beside its errors file; gone when the import is done."""

    def __init__(self, errors: Path, fingerprint: str) -> None:
        self.path = errors.with_name(f"{errors.name}.{fingerprint[:12]}.resume")
        self.fingerprint = fingerprint

    def load(self) -> Progress | None:
        """What an interrupted run of just this import left; None where there is nothing or nothing readable."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            counts = {kind: Counts(**values) for kind, values in found.pop("counts").items()}
            progress = Progress(**found, counts=counts)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return progress if progress.fingerprint == self.fingerprint else None

    def save(self, progress: Progress) -> None:
        """Replaces the file in one step."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        fresh.replace(self.path)

    def remove(self) -> None:
        """Forgets it."""
        self.path.unlink(missing_ok=True)
