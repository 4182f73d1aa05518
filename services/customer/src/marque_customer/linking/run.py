"""One linking run in a folder of its own: stages that are each done once, so that a killed run goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from marque_customer.linking import block, compare, decide, prepare, profile, reasons, score, train
from marque_customer.linking.columns import Columns, Role

MEMORY = "1500MB"
STATE = "linking-2.duckdb"  # another name wherever the tables of a stage change: a run that an older image began is begun anew
THREADS = 2
_FETCH = 10_000
Rows = Iterable[Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Found:
    """A pair: the keys of its records, how likely (0 to 1) and how much (bits) they are one, whether they are in one cluster, whether to
    merge them without asking, and why (`reasons.reasons`).
    """

    left: str
    right: str
    score: float
    weight: float
    together: bool
    merge: bool
    reasons: list[dict[str, Any]]


class Run:
    """A run in a folder, which goes on with the same rows; others need another folder. `tell` hears each stage with its seconds."""

    def __init__(
        self,
        folder: Path,
        columns: Columns,
        *,
        memory: str = MEMORY,
        tell: Callable[[str, float], None] = lambda stage, seconds: None,
    ) -> None:
        self.columns, self._folder, self._tell = columns, folder, tell
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "memory_limit": memory,
            "threads": THREADS,
            "preserve_insertion_order": "false",
            "temp_directory": str(folder / "spill"),
        }
        self.database = duckdb.connect(str(folder / STATE), config=settings)
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS done (stage VARCHAR PRIMARY KEY, answer VARCHAR, seconds DOUBLE)"
        )

    def close(self) -> None:
        """Closes the database; the folder can be opened again."""
        self.database.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def link(self, rows: Callable[[], Rows]) -> int:
        """Links the rows and returns their number. `rows` is called only where they were not yet read whole."""
        count = int(self._once("prepare", lambda: prepare.fill(self.database, rows(), self.columns)))
        self._once("words", lambda: profile.rare_words(self.database, count))
        known = profile.Profile(**self._once("profile", lambda: asdict(profile.read(self.database))))
        features = compare.features(known)
        if not features or count < 2:
            self._once("nothing", self._nothing)
            return count
        self._once("block", lambda: block.pairs(self.database, known))
        model = self._once("train", lambda: None, lambda: train.model(self.database, known, features))
        self._score(model, features)
        self._once("prior", lambda: score.prior(self.database, count, model["probability_two_random_records_match"]))
        self._once("components", lambda: decide.components(self.database))
        self._once("clusters", lambda: decide.clusters(self.database))
        self._once("decide", lambda: decide.decide(self.database, features))
        return count

    def _score(self, model: dict[str, Any], features: list[compare.Feature]) -> None:
        of, linker = max(score.slices(self.database), 1), None
        for number in range(of):
            if not self._is_done(f"score {number}"):
                linker = linker or score.scorer(self.database, model)
                held = linker
                self._once(
                    f"score {number}",
                    lambda: score.keep(self.database, features),
                    lambda held=held, number=number: score.score(held, self.database, number),
                )

    def _nothing(self) -> None:
        self.database.execute("CREATE OR REPLACE TABLE clusters (rid BIGINT, cluster BIGINT)")
        self.database.execute(
            "CREATE OR REPLACE TABLE pairs (left_rid BIGINT, right_rid BIGINT, weight DOUBLE, together BOOLEAN, merge BOOLEAN)"
        )

    def _is_done(self, stage: str) -> bool:
        return bool(self.database.execute("SELECT 1 FROM done WHERE stage = ?", [stage]).fetchall())

    def _answer(self, stage: str) -> Any:
        return json.loads(self.database.execute("SELECT answer FROM done WHERE stage = ?", [stage]).fetchall()[0][0])

    def _once(self, stage: str, work: Callable[[], Any], before: Callable[[], Any] | None = None) -> Any:
        """Does a stage and notes its answer in one transaction; one that was done answers as it did.

        `before` is what splink does: it makes tables of its own that nobody misses, and cannot work inside a transaction. What it gives is
        the answer.
        """
        if self._is_done(stage):
            return self._answer(stage)
        began = time.monotonic()
        told = before() if before else None
        with self._transaction():
            answer = work()
            if before:
                answer = told
            seconds = time.monotonic() - began
            self.database.execute("INSERT INTO done VALUES (?, ?, ?)", [stage, json.dumps(answer), seconds])
        self._tell(stage, seconds)
        return answer

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.database.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    def features(self) -> list[compare.Feature]:
        """Returns the comparisons that the rows gave cause for."""
        return compare.features(profile.Profile(**self._answer("profile")))

    def candidates(self) -> int:
        """Returns how many pairs were looked at."""
        return int(self._answer("block")) if self._is_done("block") else 0

    def seconds(self) -> dict[str, float]:
        """Returns how long each stage took."""
        return dict(self.database.execute("SELECT stage, seconds FROM done").fetchall())

    def pairs(self, *, merge: bool | None = None) -> Iterator[Found]:
        """Yields the pairs, likeliest first; only those to merge or only those to ask about, where told."""
        features, others = self.features(), self.columns.of(Role.OTHER)
        wanted = "" if merge is None else f"WHERE p.merge = {merge}"
        cursor = self.database.cursor()
        try:
            query = f"""SELECT l.id AS left_key, r.id AS right_key, p.* FROM pairs p JOIN people l ON l.rid = p.left_rid
                JOIN people r ON r.rid = p.right_rid {wanted} ORDER BY p.weight DESC, p.left_rid, p.right_rid"""
            for batch in cursor.sql(query).to_arrow_reader(_FETCH):
                for row in batch.to_pylist():
                    yield Found(
                        row["left_key"], row["right_key"], reasons.probability(row["weight"]), row["weight"], row["together"], row["merge"],
                        reasons.reasons(row, features, others) if "g_" + features[0].name in row else [],
                    )  # fmt: skip
        finally:
            cursor.close()

    def clusters(self) -> dict[str, str]:
        """Returns the cluster of each record that has company, named by one of its records."""
        rows = self.database.execute(
            """SELECT a.id, b.id FROM clusters c JOIN people a ON a.rid = c.rid JOIN people b ON b.rid = c.cluster"""
        ).fetchall()
        return dict(rows)
