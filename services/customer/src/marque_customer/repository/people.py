"""Who is who for permits: the persons that ids stand for, now and lately, and what is known of them, under their locks.

Many at once, in statements whose number does not grow with the batch; only chains of merges add one each.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from marque_customer.rules import merged_consents
from marque_customer.rules import permits as rules
from marque_customer.rules.kinds import EMAIL, FAX, MESSAGING, PHONE
from marque_customer.rules.merged_consents import Edge
from marque_customer.rules.permits import Address, Asked, Booking, Person

_INTO = "SELECT from_customer_id, to_customer_id FROM customer_aliases WHERE known_until IS NULL AND from_customer_id = ANY($1)"
_FROM = "SELECT from_customer_id, to_customer_id FROM customer_aliases WHERE known_until IS NULL AND to_customer_id = ANY($1)"
# Both ways, and merges undone lately: a permit that was taken for the one may be for the address of the other.
_KIN = """
WITH RECURSIVE kin (customer_id) AS (
    SELECT $1::uuid
    UNION
    SELECT CASE WHEN a.from_customer_id = k.customer_id THEN a.to_customer_id ELSE a.from_customer_id END
    FROM kin k JOIN customer_aliases a ON k.customer_id IN (a.from_customer_id, a.to_customer_id)
    WHERE a.known_until IS NULL OR a.known_until > clock_timestamp() - $2::interval)
SELECT customer_id FROM kin"""
_LOCK = """
SELECT customer_id, status, time_zone, language, addresses FROM customers
WHERE customer_id = ANY($1) ORDER BY customer_id FOR UPDATE"""
_CONSENTS = """
SELECT q.customer_id, q.purpose, q.channel, q.kind, q.controller, e.action, e.consent_entry_id
FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::smallint[], $5::text[])
    AS n (customer_id, purpose, channel, kind, controller)) q
CROSS JOIN LATERAL (SELECT action, consent_entry_id FROM consent_entries c
    WHERE c.customer_id = q.customer_id AND c.purpose = q.purpose AND c.channel = q.channel AND c.controller_kind = q.kind
        AND c.controller_id = q.controller
    ORDER BY c.known_time DESC LIMIT 1) e"""
# The first to be used of each kind: one at which things arrive, a person's own before that of one merged into it, the primary one, then a
# verified one, the newest.
_POINTS = """
SELECT DISTINCT ON (person_id, kind, app) person_id, kind, value, provider, provider = 'app' AS app, contact_point_id,
    unreachable_time IS NOT NULL AS unreachable
FROM unnest($1::uuid[], $2::uuid[]) AS f (customer_id, person_id) JOIN contact_points c USING (customer_id)
ORDER BY person_id, kind, app, unreachable_time IS NOT NULL, customer_id <> person_id,
    is_primary DESC, verify_time IS NULL, create_time DESC, contact_point_id"""
_SAID = """
SELECT customer_id, purpose, channel, controller_kind, controller_id, action, known_time, consent_entry_id FROM consent_entries
WHERE customer_id = ANY($1)"""
_EDGES = """
SELECT from_customer_id AS gone, to_customer_id AS into, known_from AS since FROM customer_aliases
WHERE known_until IS NULL AND from_customer_id = ANY($1)"""
_HAS_PLACE = "SELECT addresses <> '[]' FROM customers WHERE customer_id = $1"
_BOOKED = """
SELECT person_id, customer_id, occurrence_key, channel_class, purpose, contact_class, content_key, take_time FROM contact_permits
WHERE (person_id = ANY($1) OR (customer_id = ANY($1) AND customer_id <> person_id))
    AND (take_time > $2 OR (content_key = ANY($3) AND take_time > $4))
    AND (state IN (2, 3) OR (state = 1 AND expire_time > clock_timestamp()))"""
_TOUCHED = """
SELECT customer_id, content_key, max(occur_time) AS moment FROM interactions
WHERE customer_id = ANY($1) AND occur_time > $2 AND content_key = ANY($3) AND direction = 2 GROUP BY 1, 2"""
_CARS = """
SELECT customer_id, vin FROM known_cars
WHERE customer_id = ANY($1) AND vin = ANY($2) AND role IN (1, 2) AND NOT voided AND valid_end_time IS NULL"""
_GONE_PLACES = "SELECT customer_id, place_id FROM unreachable_places WHERE customer_id = ANY($1)"
_COMPLAINING = "SELECT DISTINCT customer_id FROM contact_holds WHERE customer_id = ANY($1) AND open"
# Channel → the kind of contact point, and whether it is one of the maker's app.
_REACH = {
    1: (PHONE, False),
    2: (PHONE, False),
    3: (EMAIL, False),
    5: (MESSAGING, False),
    6: (MESSAGING, True),
    9: (FAX, False),
}
_POST = 4
_LONGEST_REPEAT = timedelta(days=365)


async def persons_of(connection: Any, customer_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns the person that each id stands for now."""
    found = {customer_id: customer_id for customer_id in customer_ids}
    fresh = set(found)
    for _ in range(50):  # a circle can stand for a while, until all its events are heard
        rows = await connection.fetch(_INTO, list(fresh)) if fresh else ()
        into = {row["from_customer_id"]: row["to_customer_id"] for row in rows}
        if not into:
            break
        found = {asked: into.get(person, person) for asked, person in found.items()}
        fresh = set(into.values())
    return found


async def families(connection: Any, persons: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns every id under which something of these persons may stand, with the person."""
    found = {person: person for person in persons}
    fresh = set(found)
    while fresh:
        rows = await connection.fetch(_FROM, list(fresh))
        gone = {row["from_customer_id"]: found[row["to_customer_id"]] for row in rows}
        fresh = set(gone) - set(found)
        found |= {customer_id: gone[customer_id] for customer_id in fresh}
    return found


def whose(row: Any, family: Mapping[uuid.UUID, uuid.UUID]) -> set[uuid.UUID]:
    """Returns the persons that a permit counts on: as whom it was taken, and who was asked for, should they be parted again."""
    return {family[one] for one in (row["person_id"], row["customer_id"]) if one in family}


async def kin_of(connection: Any, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns all who are one person with a customer, or were lately."""
    return [row["customer_id"] for row in await connection.fetch(_KIN, customer_id, rules.LONGEST_SPENT)]


async def lock(connection: Any, persons: Collection[uuid.UUID]) -> dict[uuid.UUID, Person]:
    """Locks persons in the order of their ids, so that two batches never wait for each other; returns those that exist."""
    found = {}
    for row in await connection.fetch(_LOCK, sorted(persons)):
        person = Person(row["customer_id"], row["status"], row["time_zone"], row["language"])
        person.places = _places(row["addresses"])
        if person.places:
            person.addresses[_POST] = person.places[0]
        found[person.customer_id] = person
    return found


def _places(stored: Any) -> tuple[Address, ...]:
    places = orjson.loads(stored) if isinstance(stored, str | bytes) else stored
    places = sorted(places or (), key=lambda place: not place.get("primary", False))
    found = [place["address"] for place in places if place.get("address")]
    return tuple(Address(postal=one, contact_point_id=rules.place_of(one)) for one in found)


async def gather(
    connection: Any,
    people: Mapping[uuid.UUID, Person],
    family: Mapping[uuid.UUID, uuid.UUID],
    asked: Sequence[tuple[uuid.UUID, Asked]],
    now: datetime,
) -> None:
    """Fills in what is asked about of locked persons; `asked` holds each contact with its person, `family` is that of `families`."""
    ids = list(family)
    await _consents(connection, people, asked)
    await _merged_consents(connection, people, family)
    for row in await connection.fetch(_POINTS, list(family), list(family.values())):
        for channel, (kind, app) in _REACH.items():
            if row["kind"] == kind and row["app"] == app:
                people[row["person_id"]].addresses[channel] = Address(
                    row["value"], row["provider"], None, row["contact_point_id"], row["unreachable"]
                )
    if any(one.channel == _POST for _, one in asked):
        gone: dict[uuid.UUID, set[uuid.UUID]] = {}
        for row in await connection.fetch(_GONE_PLACES, ids):
            gone.setdefault(family[row["customer_id"]], set()).add(row["place_id"])
        for person_id in gone.keys() & {
            person for person, one in asked if one.channel == _POST and people[person].places
        }:
            people[person_id].addresses[_POST] = rules.postal_of(people[person_id].places, gone[person_id])
    contents = sorted({one.content_key for _, one in asked if one.content_key})
    long_ago = now - _LONGEST_REPEAT
    for row in await connection.fetch(_BOOKED, ids, now - rules.LONGEST_DAY, contents, long_ago):
        booking = Booking(
            row["occurrence_key"], row["channel_class"], row["purpose"], row["contact_class"], row["content_key"], row["take_time"]
        )  # fmt: skip
        for person_id in whose(row, family):
            people[person_id].bookings.append(booking)
    if contents:
        for row in await connection.fetch(_TOUCHED, ids, long_ago, contents):
            people[family[row["customer_id"]]].touched[row["content_key"]] = row["moment"]
    vins = sorted({one.vin for _, one in asked if one.vin})
    if vins:
        for row in await connection.fetch(_CARS, ids, vins):
            person = people[family[row["customer_id"]]]
            person.vins |= {row["vin"]}
    for row in await connection.fetch(_COMPLAINING, ids):
        people[family[row["customer_id"]]].complains = True


async def channels_of(connection: Any, family: Sequence[uuid.UUID]) -> set[int]:
    """Returns the channels by which a person can be reached; `family` are those who are one with it, itself first."""
    customer_id = family[0]
    points = await connection.fetch(_POINTS, list(family), [customer_id] * len(family))
    found = {channel for channel, reach in _REACH.items() for row in points if reach == (row["kind"], row["app"])}
    return found | ({_POST} if await connection.fetchval(_HAS_PLACE, customer_id) else set())


async def _consents(
    connection: Any, people: Mapping[uuid.UUID, Person], asked: Sequence[tuple[uuid.UUID, Asked]]
) -> None:
    uses = [
        (person, one.purpose, one.channel, one.controller_kind, one.controller_id)
        for person, one in asked
        if one.contact_class == rules.CONSENTED
    ]
    uses += [
        (person, one.further_purpose, 0, one.controller_kind, one.controller_id)
        for person, one in asked
        if one.further_purpose
    ]
    for row in await connection.fetch(_CONSENTS, *map(list, zip(*uses, strict=True))) if uses else ():
        use = (row["purpose"], row["channel"], row["kind"], row["controller"])
        people[row["customer_id"]].consents[use] = (row["action"], row["consent_entry_id"])


class _Entry(NamedTuple):
    customer_id: uuid.UUID
    action: int
    known_time: datetime
    consent_entry_id: uuid.UUID


async def _merged_consents(
    connection: Any, people: Mapping[uuid.UUID, Person], family: Mapping[uuid.UUID, uuid.UUID]
) -> None:
    """Of persons who are more than one customer, what their ledgers say together; few are."""
    several = {person for customer_id, person in family.items() if customer_id != person}
    ids = [customer_id for customer_id, person in family.items() if person in several]
    if not ids:
        return
    edges = [Edge(row["gone"], row["into"], row["since"], None) for row in await connection.fetch(_EDGES, ids)]
    said: dict[tuple[uuid.UUID, tuple[int, int, int, str]], list[_Entry]] = {}
    for row in await connection.fetch(_SAID, ids):
        use = (row["purpose"], row["channel"], row["controller_kind"], row["controller_id"])
        entry = _Entry(row["customer_id"], row["action"], row["known_time"], row["consent_entry_id"])
        said.setdefault((family[row["customer_id"]], use), []).append(entry)
    for (person, use), entries in said.items():
        decided = merged_consents.deciding(entries, edges)
        assert decided is not None, "somebody said it"
        people[person].consents[use] = (decided.action, decided.consent_entry_id)
