"""Yardstick (b): PostgreSQL's own COPY of the same customers into one plain table, in a process of its own.

`python -m bench.yardsticks.copy DSN` reads rows as JSON lines from standard input, copies them, and prints its own CPU seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import asyncpg

COLUMNS = (
    "source_key",
    "full_name",
    "phone",
    "email",
    "country_code",
    "province",
    "city",
    "address_line",
    "postal_code",
)
_DEFINED = ", ".join(f"{name} text" for name in COLUMNS)
TABLE = f"CREATE TABLE bench_copy (customer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {_DEFINED})"


async def main(dsn: str, lines: list[str]) -> dict[str, float]:
    """Copies the rows; returns own CPU seconds, and wall seconds, of parsing nothing but the copy itself."""
    rows = [tuple(one.get(name, "") for name in COLUMNS) for one in map(json.loads, lines)]
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("DROP TABLE IF EXISTS bench_copy")
        await connection.execute(TABLE)
        cpu, began = time.process_time(), time.perf_counter()
        await connection.copy_records_to_table("bench_copy", records=rows, columns=COLUMNS)
        used = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - began}
        assert await connection.fetchval("SELECT count(*) FROM bench_copy") == len(rows)
        await connection.execute("DROP TABLE bench_copy")
    finally:
        await connection.close()
    return used


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.stdin.readlines()))))
