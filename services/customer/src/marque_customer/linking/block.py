"""Which pairs are looked at: records that share two of their features, rare ones first, within a budget that grows with the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from marque_customer.linking.profile import Profile

PAIRS_PER_ROW = 5  # of one kind of key; the largest blocks are left out first, a smaller kind of key finds their pairs
# Of all kinds together: what many features bring together by chance grows with the square of the rows, and would outgrow any machine.
ALL_PAIRS_PER_ROW = 100
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
    kinds = list(_kinds(atoms(profile)))
    largest = _largest(database, [parts for parts in kinds if len(parts) > 1], profile.rows)
    for parts in kinds:
        _block(database, parts, profile.rows, MAX_BLOCK if len(parts) == 1 else largest)
    database.execute(
        "CREATE OR REPLACE TABLE candidates AS SELECT l AS left_rid, r AS right_rid FROM found_pairs GROUP BY ALL"
    )
    database.execute("DROP TABLE found_pairs")
    return int(database.execute("SELECT count(*) FROM candidates").fetchall()[0][0])


def _kinds(usable: list[Atom]) -> Iterator[list[Atom]]:
    """Yields what pairs are looked for by: a strong feature, or two features that are not two views of one."""
    for index, first in enumerate(usable):
        if first.strong:
            yield [first]
        for second in usable[index + 1 :]:
            if {first.name, second.name} not in _SAME:
                yield [first, second]


def _largest(database: duckdb.DuckDBPyConnection, kinds: list[list[Atom]], rows: int) -> int:
    """Returns how large a block of two features may be, so that all of that size and smaller keep to the budget of all kinds.

    The smaller a block, the rarer what its records share: a double that is left out with the large ones of one kind is mostly found by a
    small one of another. A strong feature is not counted, and not bounded by this.
    """
    database.execute("CREATE OR REPLACE TEMP TABLE sizes (n BIGINT, cost DOUBLE)")
    for parts in kinds:
        keys, names, known = _keys(parts)
        database.execute(
            f"""INSERT INTO sizes SELECT n, least(sum(n * (n - 1) / 2), {rows * PAIRS_PER_ROW}) FROM (
                SELECT count(*) AS n FROM (SELECT {keys} FROM people) WHERE {known} GROUP BY {names}
                HAVING count(*) BETWEEN 2 AND {MAX_BLOCK})
            GROUP BY n"""
        )
    found = database.execute(
        f"""SELECT max(n) FROM (SELECT n, sum(sum(cost)) OVER (ORDER BY n) AS cost FROM sizes GROUP BY n)
        WHERE cost <= {rows * ALL_PAIRS_PER_ROW}"""
    ).fetchall()
    return int(found[0][0] or 2)


def _keys(parts: list[Atom]) -> tuple[str, str, str]:
    """SQL: the columns of a kind of key, their names, and that all of them are known."""
    names = [f"k{index}" for index in range(len(parts))]
    keys = ", ".join(f"{part.sql} AS {name}" for part, name in zip(parts, names, strict=True))
    return keys, ", ".join(names), " AND ".join(f"{name} IS NOT NULL" for name in names)


# Two views of one thing: together they say no more than the finer one alone.
_SAME = [
    {"given", "form"}, {"given", "initial"}, {"form", "initial"}, {"family", "head"}, {"given", "name"}, {"family", "name"},
    {"form", "name"},
    {"initial", "name"}, {"head", "name"}, {"birth", "year"}, {"birth", "day"}, {"email", "mailbox"}, {"firm", "firm_key"},
    {"address", "street"}, {"address", "house"}, {"initial", "house"}, {"initial", "year"},
]  # fmt: skip


def _block(database: duckdb.DuckDBPyConnection, parts: list[Atom], rows: int, largest: int) -> None:
    keys, names, known = _keys(parts)
    budget = rows * PAIRS_PER_ROW
    database.execute(
        f"""CREATE OR REPLACE TEMP TABLE keyed AS SELECT rid, hash({names}) AS k FROM (SELECT rid, {keys} FROM people)
        WHERE {known}"""
    )
    database.execute(
        f"""CREATE OR REPLACE TEMP TABLE blocks AS SELECT k FROM (
            SELECT k, n, sum(n * (n - 1) / 2) OVER (ORDER BY n, k) AS cost FROM (SELECT k, count(*) AS n FROM keyed GROUP BY k)
            WHERE n BETWEEN 2 AND {largest}) WHERE cost <= {budget}"""
    )
    database.execute(
        """INSERT INTO found_pairs SELECT DISTINCT a.rid, b.rid FROM keyed a JOIN blocks USING (k) JOIN keyed b USING (k)
        WHERE a.rid < b.rid"""
    )
