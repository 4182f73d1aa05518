"""The import of leads: written together or one after the other, the same people have the same leads."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any

from marque.customer.v1 import lead_import_rows_pb2
from marque.type.v1 import import_pb2

ROW = lead_import_rows_pb2.LeadImportRow
METHOD = "customer.v1.CustomerImportService/ImportLeads"
_LEADS = """
SELECT i.sender_key, i.outcome, l.*, c.full_name, c.search_tokens, c.version AS customer_version,
    (SELECT array_agg(h.kind || '|' || h.from_stage || '|' || h.stage || '|' || COALESCE(h.dealer_id::text, '') ORDER BY h.sequence)
        FROM lead_changes h WHERE h.lead_id = l.lead_id) AS history,
    (SELECT array_agg(p.kind || '|' || p.is_primary ORDER BY p.kind) FROM contact_points p WHERE p.customer_id = c.customer_id) AS points,
    (SELECT array_agg(r.dealer_id::text || r.kind ORDER BY r.dealer_id) FROM relations r WHERE r.customer_id = c.customer_id) AS relations,
    (SELECT array_agg(d.dealer_id::text ORDER BY d.dealer_id) FROM dealer_customers d WHERE d.customer_id = c.customer_id) AS seen_by,
    (SELECT array_agg(s.source || s.origin ORDER BY s.source) FROM source_records s WHERE s.customer_id = c.customer_id) AS said,
    (SELECT array_agg(o.event_type ORDER BY o.event_type) FROM outbox_messages o
        WHERE o.aggregate_id IN (l.lead_id::text, c.customer_id::text)) AS events,
    (SELECT w.due_time - l.create_time FROM due_work w WHERE w.kind = 'lead-clock' AND w.key = l.lead_id::text) AS due
FROM lead_intakes i JOIN leads l USING (lead_id) JOIN customers c ON c.customer_id = l.customer_id
WHERE i.sender LIKE $1 ORDER BY i.sender_key"""
_ALIKE = (
    *("outcome", "stage", "dealer_id", "wish_key", "grade", "route_round", "held_reason", "full_name", "history", "points"),
    *("relations", "seen_by", "said", "events"),
)  # fmt: skip


async def send(desk: Any, source: str, *messages: list[Any], client: Any = None) -> Any:
    """Streams messages of rows; returns the last answer."""
    header = import_pb2.ImportStreamHeader(source=source)
    requests = [
        lead_import_rows_pb2.ImportLeadsRequest(rows=rows, header=None if number else header)
        for number, rows in enumerate(messages)
    ]
    manager = client or desk.platform.client("customer", "oem.manager")
    told = [part async for part in manager.stream(METHOD, requests)]
    return told[-1]


async def state(desk: Any, source: str) -> dict[str, tuple[Any, ...]]:
    """What became of each row, by its key, in words that do not name ids: who shares a lead or a person is told by the first key."""
    rows = await desk.platform.sql("customer", _LEADS, f"import:%:{source}")
    first_lead: dict[Any, str] = {}
    first_person: dict[Any, str] = {}
    for row in rows:
        first_lead.setdefault(row["lead_id"], row["sender_key"])
        first_person.setdefault(row["customer_id"], row["sender_key"])
    return {
        row["sender_key"]: (
            first_lead[row["lead_id"]],
            first_person[row["customer_id"]],
            bool(row["due"]),
            *(row[name] for name in _ALIKE),
        )
        for row in rows
    }


def crowd(chance: random.Random, world: str, phone: str, dealers: list[str]) -> list[Any]:
    """Rows of people who share phones, mailboxes, names and keys as families, fairs and careless clerks make them."""
    found = []
    for number in range(36):
        who = chance.randrange(14)
        found.append(
            ROW(
                source_key=f"{chance.randrange(32):03}",
                full_name=("王芳", "李雷", "Ann Lee", "", "王秀英")[chance.randrange(5)],
                phone=f"{phone}{who:02}" if chance.random() < 0.7 else ("12" if chance.random() < 0.1 else ""),
                email=f"p{chance.randrange(14)}@{world}.example.com" if chance.random() < 0.5 else "",
                model=("One", "Two", "")[chance.randrange(3)],
                timeframe_days=("5", "", "soon")[min(chance.randrange(12), 2)],
                dealer_code=(*dealers, "", "", "NO-SUCH")[chance.randrange(len(dealers) + 3)],
                comments=f"row {number}",
            )
        )
    return found


class TestTogetherOrInTurn:
    async def test_a_chunk_at_once_leaves_what_its_rows_one_by_one_would(self, desk: Any) -> None:
        dealers = [await desk.known_dealer() for _ in range(2)]
        codes = [f"D{uuid.UUID(one).int % 10**9}" for one in dealers]
        for seed in range(3):
            worlds = []
            for split in (False, True):
                world = f"w{uuid.uuid4().hex[:8]}"
                phone = f"1{random.Random(world).randrange(30, 40)}{uuid.uuid4().int % 10**6:06}"
                rows = crowd(random.Random(seed), world, phone, codes)
                for known in (rows[0], rows[5], rows[9]):  # people whom somebody knows already
                    await desk.create(name=known.full_name or "某人", phones=[f"+86{phone}{seed:02}"])
                told = await send(desk, world, *([[row] for row in rows] if split else [rows]))
                worlds.append((told.summary, await state(desk, world)))
            (at_once, first), (in_turn, second) = worlds
            assert at_once == in_turn
            assert first == second
            assert first

    async def test_a_new_lead_of_an_import_is_what_a_new_lead_of_the_desk_is(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        await desk.platform.sql(
            "customer",
            "INSERT INTO known_calendars (dealer_id, version, time_zone, week, exceptions, fetch_time)"
            " VALUES ($1, 3, 'Asia/Shanghai', $2::jsonb, '{}', now())",
            uuid.UUID(dealer),
            '{"1": ["00:00-24:00"], "2": ["00:00-24:00"], "3": ["00:00-24:00"], "4": ["00:00-24:00"], "5": ["00:00-24:00"],'
            ' "6": ["00:00-24:00"], "7": ["00:00-24:00"]}',
        )
        staff, source = desk.dealer(dealer, "dealer.manager"), f"fair-{uuid.uuid4()}"
        phone, other = desk.phone(), desk.phone()
        known = await desk.create(name="李雷", phones=[other])
        code = f"D{uuid.UUID(dealer).int % 10**9}"

        told = await send(
            desk,
            source,
            [
                ROW(source_key="new", full_name="张三丰", phone=phone, model="One", dealer_code=code),
                ROW(source_key="known", full_name="李雷", phone=other, model="One", dealer_code=code),
            ],
        )

        assert told.summary.created == 2
        assert await desk.found(staff, phone), "the dealer finds the new person"
        assert await desk.found(staff, other) == [known.customer_id]
        rows = await desk.platform.sql("customer", _LEADS, f"import:%:{source}")
        for row in rows:
            assert row["history"] == [f"CREATED|0|1|{dealer}", f"ASSIGNED|1|2|{dealer}"]
            assert row["respond_due_time"] is not None
            assert row["due"] is not None
            created = await desk.events("LeadCreated", str(row["lead_id"]))
            given = await desk.events("LeadAssigned", str(row["lead_id"]))
            staged = await desk.events("LeadStageChanged", str(row["lead_id"]))
            versions = [one[0]["aggregate_version"] for one in (created, given, staged)]
            assert versions == [1, row["version"], row["version"]]
            assert row["version"] > 1
        assert [row["customer_version"] for row in rows] == [1, 1]

    async def test_two_files_of_the_same_people_at_once_make_each_person_and_lead_once(self, desk: Any) -> None:
        source = f"twins-{uuid.uuid4()}"
        phones = [desk.phone() for _ in range(12)]
        rows = [ROW(source_key=str(n), full_name="王芳", phone=phone, model="One") for n, phone in enumerate(phones)]

        await asyncio.gather(
            send(desk, source, rows), send(desk, source, rows[::-1]), send(desk, f"{source}-b", rows[::-1])
        )

        assert len({one[0] for one in (await state(desk, source)).values()}) == len(phones)
        found = await desk.platform.sql(
            "customer",
            "SELECT count(DISTINCT customer_id) AS n FROM contact_points WHERE match_key = ANY($1)",
            phones,
        )
        assert found[0]["n"] == len(phones)
