"""One import of one file: reads, maps, sends, reports, and remembers how far it came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import Message

from marquectl.door import Door
from marquectl.errors import UsageError
from marquectl.importing.feed import Chunk, Counts, Feed, Rejected
from marquectl.importing.report import ErrorsFile, Progress, ResumeFile
from marquectl.mapping import KindPlan, Plan, RowFault, load_plan
from marquectl.readers import BadRow, RawRow, SourceFile

Watch = Callable[[str, float, Counts], None]


@dataclass(frozen=True)
class Outcome:
    """What became of an import: counts by kind, in order. `unchecked`: rows of a dry run that refer to rows of the same file.

    Of a file that replaces: `removed` says how many went (None: nothing was to go), `kept` why nothing did, as the service's constant.
    """

    counts: dict[str, Counts]
    errors: Path
    unchecked: int = 0
    removed: int | None = None
    kept: str = ""

    @property
    def rejected(self) -> int:
        """Rejected rows of all kinds."""
        return sum(counts.rejected for counts in self.counts.values())


class ImportJob:
    """Imports one file. `watch(kind, share read, counts)` is told of every step; `mapping` is a YAML file. `mode` tells imports of the
    same file apart that mean different things, so that none goes on where another stopped.

    Raises UsageError for a file or mapping that cannot be used, before any row is sent.
    """

    def __init__(
        self,
        door: Door,
        kind: str,
        path: Path,
        *,
        mapping: Path | None = None,
        source: str = "",
        errors: Path | None = None,
        dry_run: bool = False,
        patience: float = 60.0,
        watch: Watch = lambda kind, done, counts: None,
        mode: str = "",
    ) -> None:
        self._door = door
        self._dry_run = dry_run
        self._patience = patience
        self._watch = watch
        hint = load_plan(kind, mapping, None, source=source)
        self.file = SourceFile.survey(path, hint.encoding, hint.header)
        self.plan = load_plan(kind, mapping, self.file.columns(hint.delimiter), source=source)
        if not self.plan.source:
            raise UsageError("say which system the rows come from: --source, or `source` in the mapping file")
        self.errors = ErrorsFile(errors or path.with_name(f"{path.name}.errors.csv"))
        self._resume = ResumeFile(self.errors.path, _fingerprint(self.file, mapping, self.plan, kind, dry_run, mode))
        self._unchecked = 0

    async def run(self) -> Outcome:
        """Imports every kind of the plan in order, from where an interrupted run stopped. Raises DoorError, CommandError."""
        progress = self._resume.load() or Progress(self._resume.fingerprint)
        self.errors.begin(progress.error_bytes)
        for plan in self.plan.kinds:
            if plan.kind.name in progress.finished_kinds:
                continue
            await self._run_kind(plan, progress)
            progress.finished_kinds.append(plan.kind.name)
            progress.row = 0
            self._resume.save(progress)
        self._resume.remove()
        return Outcome(progress.counts, self.errors.path, self._unchecked)

    async def _run_kind(self, plan: KindPlan, progress: Progress) -> None:
        name = plan.kind.name
        start = progress.row if progress.kind == name else 0
        progress.kind, progress.row = name, start
        counts = progress.counts.setdefault(name, Counts())
        rows = MappedRows(plan, self.plan, self.file, start)
        earlier = bool(progress.finished_kinds)
        feed = Feed(
            self._door,
            plan.kind,
            self.plan.source,
            dry_run=self._dry_run,
            patience=self._patience,
            defer=earlier and not self._dry_run,
        )

        def told(chunk: Chunk, new: Counts, rejected: list[Rejected]) -> None:
            if self._dry_run and earlier:
                rejected = self._without_unchecked(plan, new, rejected)
            counts.add(new)
            faults = rows.faults_upto(chunk.upto)
            counts.rejected += len({fault.row for fault in faults})
            progress.error_bytes = self.errors.add(name, sorted([*rejected, *faults], key=lambda fault: fault.row))
            progress.row = max(progress.row, chunk.upto)
            if not feed.defers:
                # Rows put off lie behind this place: what is saved must still hold them.
                self._resume.save(progress)
            self._watch(name, rows.done, counts)

        await feed.run(iter(rows), told)
        told(Chunk(upto=rows.last), Counts(), [])

    def _without_unchecked(self, plan: KindPlan, counts: Counts, rejected: list[Rejected]) -> list[Rejected]:
        """A dry run writes no dealers, so rows that name them cannot be judged: they are counted apart."""
        unsure = {fault.row for fault in rejected if fault.field in plan.kind.refers}
        unsure -= {fault.row for fault in rejected if fault.field not in plan.kind.refers}
        counts.rejected -= len(unsure)
        self._unchecked += len(unsure)
        return [fault for fault in rejected if fault.row not in unsure]


class MappedRows:
    """The rows of one kind, mapped and folded; what cannot be mapped is kept as faults until its place in the file is reached."""

    def __init__(self, plan: KindPlan, whole: Plan, file: SourceFile, start: int) -> None:
        self._plan = plan
        self._whole = whole
        self._file = file
        self._start = start
        self._faults: list[Rejected] = []
        self._seen: set[tuple[str, ...]] = set()
        self.done = 0.0
        self.last = start

    def __iter__(self) -> Iterator[tuple[Message, int]]:
        held: tuple[Message, int] | None = None
        broken = False
        for raw in self._file.rows(self._whole.delimiter):
            self.done, self.last = raw.done, raw.number
            row = self._map(raw)
            if row is None:
                continue
            if held is not None and self._folds(held[0], row):
                getattr(held[0], self._plan.kind.lines).extend(getattr(row, self._plan.kind.lines))
                for field in _contradicted(held[0], row):
                    broken = True
                    self._fault(raw.number, field, "ROWS_DIFFER", "rows of one key say different things of this field")
                held = (held[0], raw.number)
                continue
            if held is not None and not broken:
                yield held
            held, broken = (row, raw.number), False
        if held is not None and not broken:
            yield held

    def faults_upto(self, row: int) -> list[Rejected]:
        """Takes out the faults of rows up to one."""
        found = [fault for fault in self._faults if fault.row <= row]
        self._faults = self._faults[len(found) :]
        return found

    def _map(self, raw: RawRow | BadRow) -> Message | None:
        if raw.number <= self._start and not self._plan.once:
            return None
        if isinstance(raw, BadRow):
            self._fault(raw.number, "", raw.reason, raw.message)
            return None
        if self._file.format == "jsonl" and self._whole.unknown_columns(list(raw.cells)):
            self._fault(
                raw.number, "", "COLUMN_UNKNOWN", "the row has entries that are neither mapped nor under `ignore`"
            )
            return None
        try:
            row = self._plan.build(raw.number, raw.cells)
        except RowFault as fault:
            self._fault(raw.number, fault.field, fault.reason, fault.message)
            return None
        if self._plan.once and not self._first(row):
            return None
        return row if raw.number > self._start else None

    def _first(self, row: Message) -> bool:
        key = self._plan.key_of(row)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _folds(self, held: Message, row: Message) -> bool:
        kind = self._plan.kind
        return bool(kind.lines and all(self._plan.key_of(row)) and self._plan.key_of(held) == self._plan.key_of(row))

    def _fault(self, row: int, field: str, reason: str, message: str) -> None:
        if row > self._start:
            self._faults.append(Rejected(row, "", field, reason, message))


def _contradicted(first: Message, following: Message) -> list[str]:
    """Takes what the first of two rows of one key leaves empty; returns the fields of which they say different things."""
    found = []
    for field in following.DESCRIPTOR.fields:
        if field.name == "row" or field.is_repeated or field.message_type is not None:
            continue
        told, known = getattr(following, field.name), getattr(first, field.name)
        if told and not known:
            setattr(first, field.name, told)
        elif told and told != known:
            found.append(field.name)
    return found


def _fingerprint(file: SourceFile, mapping: Path | None, plan: Plan, kind: str, dry_run: bool, mode: str) -> str:
    rules = mapping.read_text(encoding="utf-8") if mapping is not None else ""
    told = json.dumps([file.sha256, file.format, rules, plan.source, kind, dry_run, *filter(None, [mode])])
    return hashlib.sha256(told.encode()).hexdigest()
