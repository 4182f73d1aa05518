"""What becomes of each scored pair: merged without asking, put before a clerk, or left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import duckdb
import pyarrow as pa

from marque_customer.linking import cluster
from marque_customer.linking.compare import Feature

MERGE = 10.0  # bits over even odds: wrong once in a thousand where features were independent; the rules below make up for what they are not
QUEUE = 0.0  # likelier one than two
LARGEST_PART = 10_000  # records whose clusters are found at once
AGAINST = -1.0  # a feature that weighs less speaks against the pair


def decide(database: duckdb.DuckDBPyConnection, features: list[Feature]) -> None:
    """Makes the table `pairs` (as `scored`, and together, merge) from `scored` and `clusters`.

    Merged without asking is a pair of one cluster with a high score that nothing speaks against: a name that is known on both sides is no
    more than a slip, a short form or an order of words apart, and no other feature differs by more.
    """
    firm = " AND ".join(_firm(feature) for feature in features)
    named = " OR ".join(f"g_{feature.name} > 0" for feature in features if feature.naming)
    database.execute(
        f"""CREATE OR REPLACE TABLE pairs AS
        WITH placed AS (
            SELECT s.*, coalesce(l.cluster = r.cluster, FALSE) AS together
            FROM scored s LEFT JOIN clusters l ON l.rid = s.left_rid LEFT JOIN clusters r ON r.rid = s.right_rid)
        SELECT *, together AND weight >= {MERGE} AND ({named or "FALSE"}) AND {firm} AS merge
        FROM placed WHERE together OR weight >= {QUEUE}"""
    )


def _firm(feature: Feature) -> str:
    """SQL: the feature is unknown, firmly alike, or (where it may differ) says little."""
    top = len(feature.levels)
    values = [str(top - place) for place, level in enumerate(feature.levels) if level.firm]
    said = f"g_{feature.name} IN (-1, {', '.join(values)})"
    if feature.strict:
        return said
    mild = f"({said} OR w_{feature.name} >= {AGAINST})"
    return f"{mild} AND ({said} OR g_{feature.strict_with} = -1)" if feature.strict_with else mild


def components(database: duckdb.DuckDBPyConnection) -> None:
    """Makes the table `parts` (rid, part): records that likely pairs connect, however doubtful the chain.

    In a large table doubtful pairs connect nearly everybody: a part of more than LARGEST_PART records is taken apart by a higher bound, bit
    by bit, because its clusters are found in memory and in more than linear time.
    """
    database.execute("CREATE OR REPLACE TABLE parts (rid BIGINT, part BIGINT)")
    bound, chained = cluster.JOIN, set[int]()
    while True:
        edges = _stream(database, f"SELECT left_rid, right_rid, weight FROM scored WHERE weight > {bound}")
        within = (edge for edge in edges if not chained or (edge[0] in chained and edge[1] in chained))
        found = cluster.components(within, bound)
        sizes = Counter(found.values())
        large = {part for part, size in sizes.items() if size > LARGEST_PART} if bound < cluster.HIGH else set()
        _insert(database, "parts", ((rid, part) for rid, part in found.items() if part not in large))
        if not large:
            break
        chained = {rid for rid, part in found.items() if part in large}
        bound += 1.0


def clusters(database: duckdb.DuckDBPyConnection) -> None:
    """Makes the table `clusters` (rid, cluster) from `scored` and `parts`."""
    edges = _stream(
        database,
        """SELECT a.part, s.left_rid, s.right_rid, s.weight FROM scored s JOIN parts a ON a.rid = s.left_rid
        JOIN parts b ON b.rid = s.right_rid AND b.part = a.part ORDER BY 1, 2, 3""",
    )
    database.execute("CREATE OR REPLACE TABLE clusters (rid BIGINT, cluster BIGINT)")
    _insert(database, "clusters", cluster.clusters(edges))


def _stream(database: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    """Streams a query's rows from a cursor of its own, a batch at a time; it sees what was committed."""
    cursor = database.cursor()
    try:
        for batch in cursor.sql(query).to_arrow_reader(_BATCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    finally:
        cursor.close()


def _insert(database: duckdb.DuckDBPyConnection, table: str, rows: Iterable[tuple[int, int]]) -> None:
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        first, second = zip(*batch, strict=True)
        database.register("arriving", pa.table({"a": pa.array(first, pa.int64()), "b": pa.array(second, pa.int64())}))
        database.execute(f"INSERT INTO {table} SELECT a, b FROM arriving")
        database.unregister("arriving")


_BATCH = 100_000
