"""No change of the audit trail stays unseen: random trails, one random change, and the verification that names it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.audit import encoding
from servicekit.audit.verifying import Fault, Finding
from servicekit.db.base import now
from servicekit.testing.trail import HOUR, SEGMENT, Trail, record

WORDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=6)
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
RECORDS = st.tuples(
    st.uuids(), MOMENTS, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS, st.lists(WORDS, max_size=3), st.lists(WORDS, max_size=3), WORDS
)  # fmt: skip
TRAILS = st.lists(RECORDS, min_size=1, max_size=11, unique_by=lambda record: record[0])

EDITS = [name for name in encoding.RECORD_COLUMNS if name not in ("audit_id",)]
CHANGED = {
    "create_time": "create_time + interval '1 microsecond'",
    "transaction": "(transaction::text::bigint + 1)::text::xid8",
    "resource_ids": "resource_ids || ''::text",
    "fields": "fields || ''::text",
}


class TestMutations:
    async def test_every_column_of_the_table_is_chained(self, trail: Trail) -> None:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_records'"
        assert {row["column_name"] for row in await trail.connection.fetch(query)} == set(encoding.RECORD_COLUMNS)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(records=TRAILS, data=st.data())
    async def test_one_edited_column_names_the_record(self, trail: Trail, records: list[Any], data: Any) -> None:
        await trail.empty()
        await trail.write(*records)
        await trail.chain()
        untouched = await trail.verify()
        column = data.draw(st.sampled_from(EDITS))
        position = data.draw(st.integers(1, len(records)))
        victim = await trail.connection.fetchval("SELECT audit_id FROM audit_links WHERE position = $1", position)
        changed = CHANGED.get(column, f"{column} || 'x'")

        await trail.connection.execute(f"UPDATE audit_records SET {column} = {changed} WHERE audit_id = $1", victim)

        assert untouched.findings == []
        segment = (position - 1) // SEGMENT + 1
        assert (await trail.verify()).findings == [Finding(Fault.RECORD_ALTERED, segment, position, victim)]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(records=TRAILS, data=st.data())
    async def test_one_change_of_the_chain_is_found(self, trail: Trail, records: list[Any], data: Any) -> None:
        await trail.empty()
        await trail.write(*records)
        await trail.chain()
        name = data.draw(st.sampled_from(sorted(CHAIN_MUTATIONS)))
        enough = {"anchor": SEGMENT, "swap": 2, "middle": SEGMENT * 2}.get(name.split()[0], 1)
        if len(records) < enough:
            return
        position = data.draw(st.integers(1, len(records)))

        await CHAIN_MUTATIONS[name](trail, position)

        found = await trail.verify()
        assert found.findings, f"{name} at {position} of {len(records)} was not found"

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(records=TRAILS, drops=st.integers(0, 3))
    async def test_after_drops_the_rest_verifies(self, trail: Trail, records: list[Any], drops: int) -> None:
        await trail.empty()
        await trail.write(*records)
        await trail.chain()
        gone = [await trail.drop(0) for _ in range(drops)].count(True)
        await trail.chain()
        report = await trail.verify()
        assert (report.findings, report.dropped_segments) == ([], gone)
        assert gone == min(drops, len(records) // SEGMENT)

    async def test_a_record_put_in_behind_the_chain_is_found_when_it_waits_too_long(self, trail: Trail) -> None:
        await trail.write(record(), record())
        await trail.chain()
        planted = uuid.uuid4()
        await trail.write(record(audit_id=planted, create_time=now() - 2 * HOUR))
        await trail.connection.execute("UPDATE audit_records SET transaction = '3' WHERE audit_id = $1", planted)
        await trail.appender.append(trail.connection)

        report = await trail.verify()

        assert report.findings == [Finding(Fault.RECORD_UNCHAINED, audit_id=planted)]
        assert report.waiting == 1

    async def test_a_cut_tail_with_its_anchors_is_found_by_who_wrote_the_anchor_down(self, trail: Trail) -> None:
        await trail.write(*(record() for _ in range(8)))
        await trail.chain()
        known = (await trail.verify()).anchor
        await cut(trail, 4)

        assert (await trail.verify()).findings == [], "a whole and consistent cut shows nothing by itself"
        assert (await trail.verify(witness=known)).findings == [Finding(Fault.WITNESS_CONTRADICTED, 2)]


async def cut(trail: Trail, last: int) -> None:
    """Cuts the trail after a position, with everything in the database that tells of it."""
    run = trail.connection.execute
    await run(
        "DELETE FROM audit_records WHERE audit_id IN (SELECT audit_id FROM audit_links WHERE position > $1)", last
    )
    await run("DELETE FROM audit_links WHERE position > $1", last)
    await run("DELETE FROM audit_anchors WHERE last_position > $1", last)
    await run(
        "UPDATE audit_chain SET (position, head_hash, segment, previous_hash) ="
        " (SELECT last_position, head_hash, segment + 1, hash FROM audit_anchors ORDER BY segment DESC LIMIT 1)"
    )


def sql(statement: str) -> Any:
    async def run(trail: Trail, position: int) -> None:
        await trail.connection.execute(statement.replace(":p", str(position)))

    return run


async def replace_with_links(trail: Trail, position: int) -> None:
    """What somebody does who knows the format: edits a record and computes every later link again, but cannot sign."""
    rows = await trail.connection.fetch(
        "SELECT l.position, r.*, r.transaction::text AS transaction FROM audit_links l JOIN audit_records r USING (audit_id) ORDER BY 1"
    )
    head = await trail.connection.fetchval("SELECT start_hash FROM audit_anchors WHERE segment = 1")
    for row in rows:
        told = {**dict(row), "principal": "somebody else"} if row["position"] == 1 else dict(row)
        head = encoding.link(head, told, row["position"])
        await trail.connection.execute("UPDATE audit_links SET hash = $1 WHERE position = $2", head, row["position"])
    await trail.connection.execute(
        "UPDATE audit_records SET principal = 'somebody else' WHERE audit_id = (SELECT audit_id FROM audit_links WHERE position = 1)"
    )
    await trail.connection.execute("UPDATE audit_chain SET head_hash = $1", head)


async def plant(trail: Trail, position: int) -> None:
    """Puts a record and its link in where nobody looks: before the beginning."""
    planted = record(create_time=now() - 2 * HOUR)
    await trail.write(planted)
    await trail.connection.execute("INSERT INTO audit_links VALUES (-1, $1, '')", planted[0])


async def swap(trail: Trail, position: int) -> None:
    first = await trail.connection.fetch("SELECT position, audit_id FROM audit_links ORDER BY position LIMIT 2")
    await trail.connection.execute("UPDATE audit_links SET audit_id = gen_random_uuid() WHERE position = 1")
    await trail.connection.execute("UPDATE audit_links SET audit_id = $1 WHERE position = 2", first[0]["audit_id"])
    await trail.connection.execute("UPDATE audit_links SET audit_id = $1 WHERE position = 1", first[1]["audit_id"])


AT = "(SELECT audit_id FROM audit_links WHERE position = :p)"
CHAIN_MUTATIONS = {
    "record deleted": sql(f"DELETE FROM audit_records WHERE audit_id = {AT}"),
    "link deleted": sql("DELETE FROM audit_links WHERE position = :p"),
    "link edited": sql("UPDATE audit_links SET hash = decode('00', 'hex') || hash WHERE position = :p"),
    "record without end of time": sql(f"UPDATE audit_records SET create_time = 'infinity' WHERE audit_id = {AT}"),
    "record and link deleted": sql(
        f"WITH gone AS (DELETE FROM audit_records WHERE audit_id = {AT}) DELETE FROM audit_links WHERE position = :p"
    ),
    "record renamed": sql(f"UPDATE audit_records SET audit_id = gen_random_uuid() WHERE audit_id = {AT}"),
    "record planted": plant,
    "link added at the end": sql(
        "INSERT INTO audit_links SELECT max(position) + 1, gen_random_uuid(), '' FROM audit_links"
    ),
    "chain forgotten": sql("UPDATE audit_chain SET position = position + 1"),
    "swap of two records": swap,
    "anchor removed": sql("DELETE FROM audit_anchors WHERE segment = 1"),
    "anchor edited": sql("UPDATE audit_anchors SET close_time = close_time - interval '1 day' WHERE segment = 1"),
    "anchor hash edited": sql("UPDATE audit_anchors SET hash = '' WHERE segment = 1"),
    "anchor of another key": sql("UPDATE audit_anchors SET key_id = 'other' WHERE segment = 1"),
    "anchor negative": sql("UPDATE audit_anchors SET first_position = -9 WHERE segment = 1"),
    "anchor kept, a record and all links computed anew": replace_with_links,
    "middle anchor removed": sql("DELETE FROM audit_anchors WHERE segment = (SELECT max(segment) FROM audit_anchors)"),
}


class TestEncoding:
    @settings(max_examples=300, deadline=None)
    @given(one=RECORDS, other=RECORDS, places=st.tuples(st.integers(1, 9), st.integers(1, 9)))
    def test_different_records_have_different_bytes(self, one: Any, other: Any, places: tuple[int, int]) -> None:
        names = [name for name in encoding.RECORD_COLUMNS if name != "transaction"]
        rows = [{**dict(zip(names, values, strict=True)), "transaction": "7"} for values in (one, other)]
        same = (rows[0], places[0]) == (rows[1], places[1])
        assert (encoding.record(rows[0], places[0]) == encoding.record(rows[1], places[1])) == same

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"principal": "ab", "roles": "c"}, {"principal": "a", "roles": "bc"}),
            ({"resource_ids": ["a", "b"]}, {"resource_ids": ["ab"]}),
            ({"resource_ids": ["a"], "fields": []}, {"resource_ids": [], "fields": ["a"]}),
            ({"resource_ids": []}, {"resource_ids": [""]}),
        ],
    )
    def test_parts_cannot_be_moved_over_a_border(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        base = {
            "audit_id": uuid.UUID(int=1), "transaction": "7", "create_time": datetime(2026, 1, 1, tzinfo=UTC), "principal": "p",
            "roles": "r", "method": "m", "action": "a", "resource_type": "t", "resource_id": "i", "resource_ids": [], "fields": [],
            "trace_id": "",
        }  # fmt: skip
        assert encoding.record({**base, **one}, 1) != encoding.record({**base, **other}, 1)

    def test_a_fingerprint_holds_no_digit(self) -> None:
        assert encoding.fingerprint(bytes(range(256))).isalpha()
