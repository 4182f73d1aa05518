"""What a table of people is like: which features are filled, how telling they are. Everything else is decided from this."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

MIN_FILLED = 0.02
MIN_ROWS = 10
FEATURES = (
    *("family", "given", "name_key", "further", "written", "org_key", "birth", "phone", "email", "identity"),
    *("address_key", "postcode", "place"),
)
RARE_SHARE = 0.01  # a word in fewer records than this (or in at most 20) is telling


@dataclass
class Profile:
    """`filled`: the share of rows by feature, only of those worth comparing; `others`: further columns worth comparing, with
    whether they hold few distinct values.
    """

    rows: int
    filled: dict[str, float] = field(default_factory=dict)
    distinct: dict[str, int] = field(default_factory=dict)
    others: dict[str, bool] = field(default_factory=dict)


def read(database: duckdb.DuckDBPyConnection) -> Profile:
    """Counts the features of `people`."""
    present = [row[0] for row in database.execute("SELECT column_name FROM (DESCRIBE people)").fetchall()]
    others = [name for name in present if name.startswith("other_") and not name.endswith("_words")]
    wanted = [*FEATURES, *others]
    counts = ", ".join(f"count({name}), approx_count_distinct({name})" for name in wanted)
    row = database.execute(f"SELECT count(*), {counts} FROM people").fetchall()[0]
    found = Profile(int(row[0]))
    for index, name in enumerate(wanted):
        known, distinct = int(row[1 + 2 * index]), int(row[2 + 2 * index])
        if known >= max(MIN_ROWS, MIN_FILLED * found.rows) and distinct > 1:
            found.distinct[name] = distinct
            if name in others:
                found.others[name] = distinct <= 60
            else:
                found.filled[name] = known / found.rows
    return found


def rare_words(database: duckdb.DuckDBPyConnection, rows: int) -> None:
    """Adds to `people` the telling words of organisations and addresses, by writing the table anew: to change every row in place would
    keep them all in memory until the transaction ends.
    """
    limit = max(20, int(rows * RARE_SHARE))
    for feature in _WORDED:
        database.execute(
            f"""CREATE OR REPLACE TEMP TABLE {feature}_telling AS
                WITH said AS (SELECT rid, unnest({feature}_words) AS word FROM people WHERE {feature}_words IS NOT NULL),
                telling AS (SELECT word FROM said GROUP BY word HAVING count(*) BETWEEN 2 AND {limit})
                SELECT rid, list(word ORDER BY word) AS {feature}_rare FROM said JOIN telling USING (word) GROUP BY rid"""
        )
    joined = " ".join(f"LEFT JOIN {feature}_telling USING (rid)" for feature in _WORDED)
    database.execute(f"CREATE TABLE people_told AS SELECT * FROM people {joined}")
    database.execute("DROP TABLE people")
    database.execute("ALTER TABLE people_told RENAME TO people")
    for feature in _WORDED:
        database.execute(f"DROP TABLE {feature}_telling")


_WORDED = ("org", "address")
