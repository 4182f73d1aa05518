"""Rows that are encoded by columns arrive in PostgreSQL as they were, of every type that an import writes."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.db import binary
from servicekit.db.binary import Copy
from servicekit.db.engine import Database

TABLE = """CREATE TEMP TABLE copied (place bigint GENERATED ALWAYS AS IDENTITY, key uuid, name text, data bytea, small smallint,
whole integer, big bigint, moment timestamptz, document jsonb, words text[], filled text NOT NULL DEFAULT 'by default')"""
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
rows = st.lists(
    st.tuples(
        st.uuids(),
        texts,
        st.binary(max_size=5000),
        st.integers(-(2**15), 2**15 - 1),
        st.integers(-(2**31), 2**31 - 1),
        st.lists(texts, max_size=300),
    ),
    max_size=5,
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    made = await database.direct()
    await made.execute(TABLE)
    yield made
    await made.close()


async def send(connection: asyncpg.Connection, columns: dict[str, Any], count: int) -> list[asyncpg.Record]:
    await connection.execute("TRUNCATE copied")
    await Copy("copied", count, columns).send(connection)
    return list(await connection.fetch("SELECT * FROM copied ORDER BY place"))


class TestCopy:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(rows)
    @pytest.mark.asyncio(loop_scope="session")
    async def test_columns_arrive_as_they_were(self, connection: asyncpg.Connection, sent: list[Any]) -> None:
        keys, names, blobs, smalls, wholes, words = zip(*sent, strict=True) if sent else ((),) * 6
        columns = {
            "key": binary.uuids([key.bytes for key in keys]),
            "name": binary.texts(names),
            "data": binary.blobs(blobs),
            "small": binary.smallints(smalls),
            "whole": binary.integers(wholes),
            "words": binary.text_arrays(words),
        }
        found = await send(connection, columns, len(sent))
        assert [tuple(row[name] for name in columns) for row in found] == [tuple(row) for row in sent]
        assert all(row["filled"] == "by default" and row["big"] is None for row in found)

    async def test_one_value_stands_in_every_row(self, connection: asyncpg.Connection) -> None:
        moment = datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=UTC)
        columns = {
            "small": binary.smallints(range(3)),
            "moment": binary.moment(moment),
            "big": binary.bigint(-(2**63)),
            "name": binary.NULL,
        }
        found = await send(connection, columns, 3)
        assert [tuple(row[name] for name in columns) for row in found] == [
            (number, moment, -(2**63), None) for number in range(3)
        ]

    @pytest.mark.parametrize(
        "moment", [datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
    )
    async def test_moments_at_both_ends_of_the_calendar_are_kept(
        self, connection: asyncpg.Connection, moment: datetime
    ) -> None:
        assert (await send(connection, {"moment": binary.moment(moment)}, 1))[0]["moment"] == moment

    async def test_documents_are_json(self, connection: asyncpg.Connection) -> None:
        document = [{"lines": ["文三路"], "primary": True}]
        found = await send(connection, {"document": binary.json_texts([json.dumps(document).encode()])}, 1)
        assert json.loads(found[0]["document"]) == document

    async def test_column_of_another_length_is_refused_and_nothing_is_written(
        self, connection: asyncpg.Connection
    ) -> None:
        columns = {"name": binary.texts(["a", "b"]), "key": binary.uuids([uuid.uuid4().bytes])}
        with pytest.raises(ValueError, match="argument"):
            await send(connection, columns, 2)
        assert await connection.fetchval("SELECT count(*) FROM copied") == 0
