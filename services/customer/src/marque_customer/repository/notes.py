"""What the platform's events leave on time lines: many at once, in statements whose number does not grow with the events."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from marque.customer.v1 import interaction_pb2
from servicekit.ids import new_uuid
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.rules.documents import dealer_token
from marque_customer.rules.kinds import MERGED

_NO_DIRECTION = interaction_pb2.INTERACTION_DIRECTION_NONE

_LOCK = "SELECT customer_id, status FROM customers WHERE customer_id = ANY($1) ORDER BY customer_id FOR UPDATE"
_SURVIVORS = (
    "SELECT customer_id, customer_root(customer_id) AS root FROM customers WHERE customer_id = ANY($1) AND status = 2"
)
_TOUCHES = """
INSERT INTO interactions (interaction_id, customer_id, kind, direction, occur_time, subject_key, subject_params, dealer_id, vin,
    reference_type, reference_id, create_time)
SELECT n.interaction_id, n.customer_id, n.kind, $12, n.occur_time, n.sentence, n.params::jsonb, n.dealer_id, n.vin, n.type, n.id, $11
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::timestamptz[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::text[],
    $10::text[]) AS n (interaction_id, customer_id, kind, occur_time, sentence, params, dealer_id, vin, type, id)
ON CONFLICT (reference_type, reference_id, subject_key) WHERE subject_key <> '' DO NOTHING RETURNING interaction_id"""
_TAKE_OFF = "DELETE FROM interactions WHERE reference_type = $1 AND reference_id = $2 AND subject_key <> ''"
_RELATIONS = """
INSERT INTO relations (relation_id, version, create_time, update_time, customer_id, dealer_id, kind, start_time, origin_type, origin_id)
SELECT n.relation_id, 1, $7, $7, n.customer_id, n.dealer_id, n.kind, $7, n.origin_type, n.origin_id
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::text[])
    AS n (relation_id, customer_id, dealer_id, kind, origin_type, origin_id)
ON CONFLICT (customer_id, dealer_id, kind) DO NOTHING RETURNING relation_id"""
_SHOWN = """
INSERT INTO dealer_customers (dealer_id, customer_id, update_time, create_time, kind, status)
SELECT n.dealer_id, c.customer_id, c.update_time, c.create_time, c.kind, c.status
FROM unnest($1::uuid[], $2::uuid[]) AS n (customer_id, dealer_id) JOIN customers c USING (customer_id)
ON CONFLICT DO NOTHING RETURNING customer_id, dealer_id"""
# What a dealer adds to the search document is its token alone (rules.documents.build); one update per customer, whatever the dealers.
_FOUND = """
UPDATE customers c SET search_tokens = c.search_tokens || n.tokens
FROM (SELECT customer_id, array_agg(token) AS tokens FROM unnest($1::uuid[], $2::text[]) AS m (customer_id, token) GROUP BY 1) n
WHERE c.customer_id = n.customer_id"""


@dataclass(frozen=True, slots=True)
class Note:
    """One event of the platform about a customer: its sentence, the thing that it is about, and the relation that it begins (0: none)."""

    customer_id: uuid.UUID
    kind: int
    sentence: str
    thing: tuple[str, str]
    dealer_id: uuid.UUID | None
    vin: str
    moment: datetime
    relation_kind: int = 0
    params: dict[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """What the event that a touch was logged tells of it."""
        return {
            "kind": self.kind,
            "direction": _NO_DIRECTION,
            "occur_time": self.moment,
            "dealer_id": self.dealer_id,
            "vin": self.vin,
        }


async def connection_of(session: AsyncSession) -> Any:
    """Returns the driver's connection of a session, inside its transaction.

    SQLAlchemy begins one with its own first statement, of which the driver's know nothing: without it each would commit by itself, and a
    lock would be gone as soon as it was got.
    """
    found = await session.connection()
    raw = await found.get_raw_connection()
    driver: Any = raw.driver_connection
    if not driver.is_in_transaction():
        await found.exec_driver_sql("SELECT 1")
    return driver


async def lock(
    connection: Any, customer_ids: Iterable[uuid.UUID]
) -> tuple[dict[uuid.UUID, int], dict[uuid.UUID, uuid.UUID]]:
    """Locks customers, and the survivors of those that are merged, in the order of their ids; returns the status of those that exist, and
    who stands for whom.
    """
    asked = sorted(customer_ids)
    found = {row["customer_id"]: row["status"] for row in await connection.fetch(_LOCK, asked)}
    survivors: dict[uuid.UUID, uuid.UUID] = {}
    while MERGED in found.values():  # hardly ever
        survivors = await _survivors(connection, asked)
        rows = await connection.fetch(_LOCK, sorted({*asked, *survivors.values()}))
        found = {row["customer_id"]: row["status"] for row in rows}
        if await _survivors(connection, asked) == survivors:
            break
    return found, survivors


async def _survivors(connection: Any, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    return {row["customer_id"]: row["root"] for row in await connection.fetch(_SURVIVORS, customer_ids)}


async def add_touches(connection: Any, notes: Sequence[Note], moment: datetime) -> list[tuple[uuid.UUID, Note]]:
    """Writes the touches that do not stand there yet; returns them with their ids."""
    if not notes:
        return []
    made = {new_uuid(): note for note in notes}
    rows = await connection.fetch(
        _TOUCHES,
        list(made),
        [note.customer_id for note in notes],
        [note.kind for note in notes],
        [note.moment for note in notes],
        [note.sentence for note in notes],
        [orjson.dumps(note.params).decode() for note in notes],
        [note.dealer_id for note in notes],
        [note.vin for note in notes],
        [note.thing[0] for note in notes],
        [note.thing[1] for note in notes],
        moment,
        _NO_DIRECTION,
    )
    return [(row["interaction_id"], made[row["interaction_id"]]) for row in rows]


async def take_off(connection: Any, thing: tuple[str, str]) -> None:
    """Takes everything off time lines that the platform's events said of a thing, because it was not so."""
    await connection.execute(_TAKE_OFF, *thing)


async def begin_relations(
    connection: Any, notes: Sequence[Note], survivors: Mapping[uuid.UUID, uuid.UUID], moment: datetime
) -> list[tuple[uuid.UUID, Note]]:
    """Begins the relations that are not there yet, and lets their dealers see and find the customers and their survivors; returns them
    with their ids.
    """
    made = {new_uuid(): note for note in notes if note.relation_kind}
    if not made:
        return []
    wanted = list(made.values())
    rows = await connection.fetch(
        _RELATIONS,
        list(made),
        [note.customer_id for note in wanted],
        [note.dealer_id for note in wanted],
        [note.relation_kind for note in wanted],
        [note.thing[0] for note in wanted],
        [note.thing[1] for note in wanted],
        moment,
    )
    begun = [(row["relation_id"], made[row["relation_id"]]) for row in rows]
    pairs = {(note.customer_id, note.dealer_id) for _, note in begun}
    pairs |= {(survivors[customer_id], dealer) for customer_id, dealer in pairs if customer_id in survivors}
    if pairs:
        shown = await connection.fetch(_SHOWN, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
        if shown:
            tokens = [dealer_token(row["dealer_id"]) for row in shown]
            await connection.execute(_FOUND, [row["customer_id"] for row in shown], tokens)
    return begun
