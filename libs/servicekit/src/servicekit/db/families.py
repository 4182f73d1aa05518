"""SQL of merged customers, for statements that ask about a person under whatever id they stand (`customer_aliases`).

Each function gives the text of common table expressions, to be put after `WITH RECURSIVE`; it holds our own words alone. A circle of
aliases can stand until all its events are heard, so the way up has an end.
"""

from __future__ import annotations


def survivors(ids: str) -> str:
    """Gives `top (asked, customer_id)`: who stands for each id now. `ids`: an SQL array of uuid, such as `ARRAY[$1::uuid]`."""
    return f"""
up AS (
    SELECT asked, asked AS customer_id, 0 AS depth FROM unnest({ids}) AS asked
    UNION ALL SELECT u.asked, a.to_customer_id, u.depth + 1 FROM up u JOIN customer_aliases a ON a.from_customer_id = u.customer_id
    WHERE a.known_until IS NULL AND u.depth < 32),
top AS (SELECT DISTINCT ON (asked) asked, customer_id FROM up ORDER BY asked, depth DESC)"""  # noqa: S608 - our own words


def merged(roots: str) -> str:
    """Gives `family (root, customer_id)`: everybody who was merged into each root, and itself. `roots`: a query of the column `root`."""
    return f"""
family AS (
    SELECT root, root AS customer_id FROM ({roots}) AS roots
    UNION SELECT f.root, a.from_customer_id FROM family f JOIN customer_aliases a ON a.to_customer_id = f.customer_id
    WHERE a.known_until IS NULL)"""  # noqa: S608 - our own words


def family(customer_id: str) -> str:
    """Gives `family (root, customer_id)` of one person: up to who stands for them, then down to all who were merged into that one.

    `customer_id`: an SQL expression, such as `$1::uuid`.
    """
    return f"{survivors(f'ARRAY[{customer_id}]')},{merged('SELECT customer_id AS root FROM top')}"  # noqa: S608
