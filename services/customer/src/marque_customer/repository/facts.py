"""What others may know of customers to group them by: who stands for themselves, with what those merged into them agreed to and hold."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
from servicekit.db.engine import Reader

from marque_customer.rules.consents import OEM

_PEOPLE = """
SELECT c.customer_id, c.kind, c.status, c.language, c.birth_date, c.interests, c.addresses::text AS addresses, c.stage, c.tier,
    c.time_zone,
    v.last_activity_time, coalesce(v.spend_minor, 0) AS spend_minor, coalesce(v.currency, '') AS currency
FROM customers c LEFT JOIN customer_values v USING (customer_id)
WHERE c.customer_id = ANY($1) AND c.status IN (1, 4) AND c.merged_into IS NULL ORDER BY c.customer_id"""
_FAMILY = """
WITH RECURSIVE family AS (
    SELECT customer_id AS root, customer_id FROM customers WHERE customer_id = ANY($1) AND merged_into IS NULL
    UNION SELECT f.root, c.customer_id FROM family f JOIN customers c ON c.merged_into = f.customer_id)"""
_CONSENTS = f"""{_FAMILY}
SELECT DISTINCT ON (f.root, e.purpose, e.channel) f.root, e.purpose, e.channel, e.action
FROM family f JOIN consent_entries e USING (customer_id) WHERE e.controller_kind = {OEM}
ORDER BY f.root, e.purpose, e.channel, e.known_time DESC"""  # noqa: S608 - our own words
_HOLDINGS = f"""{_FAMILY}
SELECT f.root, h.holding_id, h.kind, h.vin, h.end_date, h.renewal_date
FROM family f JOIN holdings h USING (customer_id) WHERE h.state = 1 ORDER BY f.root, h.holding_id"""  # noqa: S608 - our own words

Rows = list[asyncpg.Record]


async def batch(reader: Reader, ids: Sequence[uuid.UUID]) -> tuple[Rows, dict[Any, Rows], dict[Any, Rows]]:
    """Returns customers, and by customer the last word on each use, and the running holdings."""
    people = list(await reader.fetch(_PEOPLE, ids))
    return people, _by_root(await reader.fetch(_CONSENTS, ids)), _by_root(await reader.fetch(_HOLDINGS, ids))


def _by_root(rows: Rows) -> dict[Any, Rows]:
    found: dict[Any, Rows] = {}
    for row in rows:
        found.setdefault(row["root"], []).append(row)
    return found
