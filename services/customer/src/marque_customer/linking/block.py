"""Which pairs are looked at: records that share two of their features, rare ones first, within a budget that grows with the rows."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from marque_customer.linking.profile import Profile

PAIRS_PER_ROW = 5  # of one kind of key; the largest blocks are left out first, a smaller kind of key finds their pairs
MAX_BLOCK = 200  # rows of one block at most: a giant block of equal values costs its square and tells nothing


@dataclass(frozen=True)
class Atom:
    """A feature that records may share, as SQL over `people`; `many`: an expression that gives several values of one record."""

    name: str
    sql: str
    strong: bool = False


def atoms(profile: Profile) -> list[Atom]:
    """Returns the features to block on that are filled in this table."""
    found: list[Atom] = []

    def add(when: str, *made: Atom) -> None:
        if profile.filled.get(when):
            found.extend(made)

    add("given", Atom("given", "given"), Atom("form", "forms[1]"), Atom("initial", "given[1]"))
    add("family", Atom("family", "family"), Atom("head", "family[:3]"))
    add("name_key", Atom("name", "name_key"))
    add("birth", Atom("birth", "birth", True), Atom("year", "birth[:4]"), Atom("day", "birth[6:]"))
    add("phone", Atom("phone", "unnest(phones)", True))
    add("email", Atom("email", "unnest(emails)", True), Atom("mailbox", "split_part(email, '@', 1)", True))
    add("identity", Atom("identity", "unnest(identities)", True))
    add("org_key", Atom("firm", "unnest(org_rare)"), Atom("firm_key", "org_key", True))
    add(
        "address_key",
        Atom("address", "address_key", True),
        Atom("street", "unnest(address_rare)"),
        Atom("house", "address_numbers[1]"),
    )
    add("postcode", Atom("postcode", "postcode"))
    add("place", Atom("place", "place"))
    found += [Atom(name, name) for name, few in profile.others.items() if not few]
    return found


def pairs(database: duckdb.DuckDBPyConnection, profile: Profile) -> int:
    """Makes the table `candidates` (left_rid < right_rid) and returns their number."""
    database.execute("CREATE OR REPLACE TABLE found_pairs (l BIGINT, r BIGINT)")
    usable = atoms(profile)
    for index, first in enumerate(usable):
        if first.strong:
            _block(database, [first], profile.rows)
        for second in usable[index + 1 :]:
            if {first.name, second.name} not in _SAME:
                _block(database, [first, second], profile.rows)
    database.execute(
        "CREATE OR REPLACE TABLE candidates AS SELECT l AS left_rid, r AS right_rid FROM found_pairs GROUP BY ALL"
    )
    database.execute("DROP TABLE found_pairs")
    return int(database.execute("SELECT count(*) FROM candidates").fetchall()[0][0])


# Two views of one thing: together they say no more than the finer one alone.
_SAME = [
    {"given", "form"}, {"given", "initial"}, {"form", "initial"}, {"family", "head"}, {"given", "name"}, {"family", "name"},
    {"form", "name"},
    {"initial", "name"}, {"head", "name"}, {"birth", "year"}, {"birth", "day"}, {"email", "mailbox"}, {"firm", "firm_key"},
    {"address", "street"}, {"address", "house"}, {"initial", "house"}, {"initial", "year"},
]  # fmt: skip


def _block(database: duckdb.DuckDBPyConnection, parts: list[Atom], rows: int) -> None:
    names = [f"k{index}" for index in range(len(parts))]
    keys = ", ".join(f"{part.sql} AS {name}" for part, name in zip(parts, names, strict=True))
    known = " AND ".join(f"{name} IS NOT NULL" for name in names)
    budget = rows * PAIRS_PER_ROW
    database.execute(
        f"""CREATE OR REPLACE TEMP TABLE keyed AS SELECT rid, hash({", ".join(names)}) AS k FROM (SELECT rid, {keys} FROM people)
        WHERE {known}"""
    )
    database.execute(
        f"""CREATE OR REPLACE TEMP TABLE blocks AS SELECT k FROM (
            SELECT k, n, sum(n * (n - 1) / 2) OVER (ORDER BY n, k) AS cost FROM (SELECT k, count(*) AS n FROM keyed GROUP BY k)
            WHERE n BETWEEN 2 AND {MAX_BLOCK}) WHERE cost <= {budget}"""
    )
    database.execute(
        """INSERT INTO found_pairs SELECT DISTINCT a.rid, b.rid FROM keyed a JOIN blocks USING (k) JOIN keyed b USING (k)
        WHERE a.rid < b.rid"""
    )
