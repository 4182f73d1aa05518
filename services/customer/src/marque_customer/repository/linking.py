"""What the batch linker reads of customers, and which of those it paired are still there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer
from marque_customer.rules.kinds import ACTIVE

# Column of the export → role for the linker (marque_customer.linking.columns.Role).
ROLES = {
    "family_name": "family", "given_name": "given", "full_name": "full", "organisation_name": "organisation", "birth_date": "birth",
    "phone_1": "phone", "phone_2": "phone", "phone_3": "phone", "email_1": "email", "email_2": "email", "address": "address",
    "postcode": "postcode", "place": "place", "gender": "other", "occupation": "other",
}  # fmt: skip
KEY = "customer_id"
_LOCK = 0x6D61_7271_0006
# Only who is live: a merged one stands behind its survivor, of an erased one nothing is left, and whoever asked that their data be let
# alone is let alone. A contact point that is known to be shared tells no two people apart. Under a birthday without its year no one is met.
_EXPORT = """
SELECT c.customer_id, c.family_name, c.given_name,
    CASE WHEN c.family_name = '' AND c.given_name = '' THEN COALESCE(NULLIF(c.full_name, ''), c.latin_name) ELSE '' END AS full_name,
    c.organisation_name,
    CASE WHEN c.birth_date > 9999 THEN lpad(c.birth_date::text, 8, '0') ELSE '' END AS birth_date,
    p.phones[1] AS phone_1, p.phones[2] AS phone_2, p.phones[3] AS phone_3, p.emails[1] AS email_1, p.emails[2] AS email_2,
    concat_ws(' ', a.home->>'district', a.lines) AS address, a.home->>'postal_code' AS postcode, a.home->>'city' AS place,
    NULLIF(c.gender, 0) AS gender, c.occupation
FROM customers c
LEFT JOIN LATERAL (
    SELECT array_agg(value ORDER BY is_primary DESC, match_key) FILTER (WHERE kind = 1) AS phones,
        array_agg(value ORDER BY is_primary DESC, match_key) FILTER (WHERE kind = 2) AS emails
    FROM contact_points WHERE contact_points.customer_id = c.customer_id AND NOT shared) p ON true
LEFT JOIN LATERAL (
    SELECT item->'address' AS home,
        (SELECT string_agg(line, ' ') FROM jsonb_array_elements_text(COALESCE(item->'address'->'lines', '[]')) line) AS lines
    FROM jsonb_array_elements(c.addresses) item ORDER BY (item->>'primary')::boolean DESC NULLS LAST LIMIT 1) a ON true
WHERE c.status = 1"""


async def export(connection: asyncpg.Connection, file: Path) -> None:
    """Writes all live customers into a CSV file, in one statement: a state of the table that was."""
    with file.open("wb") as target:
        await connection.copy_from_query(_EXPORT, output=target, format="csv", header=True, timeout=None)


async def alone(connection: asyncpg.Connection) -> bool:
    """Takes the right to be the only run, on whichever machine, for as long as the connection lives; returns False where another has it."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK))


async def nobody_links(session: AsyncSession) -> bool:
    """Takes that right until the transaction ends; returns False where another has it."""
    return bool(await session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))))


async def live(session: AsyncSession, customer_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Returns who of these is neither merged, erased nor restricted by now."""
    query = sa.select(Customer.customer_id).where(
        Customer.customer_id.in_(set(customer_ids)), Customer.status == ACTIVE
    )
    return set((await session.scalars(query)).all())
