"""Statements as spans: summaries without a literal, and the hook on a real PostgreSQL through asyncpg."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from servicekit import telemetry
from servicekit.telemetry import logs, metrics, spans
from servicekit.telemetry.database import db_span, instrument_engine
from servicekit.telemetry.sql_summary import MAX_LENGTH, summarise
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = SAMPLED[:-1] + "0"
METHOD = "/marque.customer.v1.CustomerService/GetCustomer"
MARKER = "张伟13800138000"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = list(root.handlers), root.level, (sys.excepthook, threading.excepthook, sys.unraisablehook)
    yield
    root.handlers[:], root.level = handlers, level
    logs.restore_hooks()
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    metrics.reset()


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    made = InMemorySpanExporter()
    running = telemetry.start("test", environment="test", sample_ratio=1.0, span_exporter=made)
    yield made
    running.shutdown()


@pytest.fixture
async def engine(postgres_server: object) -> AsyncIterator[AsyncEngine]:
    url = postgres_server.dsn().replace("postgresql://", "postgresql+asyncpg://")  # type: ignore[attr-defined]
    made = create_async_engine(url)
    instrument_engine(made.sync_engine)
    instrument_engine(made.sync_engine)
    yield made
    await made.dispose()


class TestSummarise:
    @pytest.mark.parametrize(
        ("statement", "summary"),
        [
            ("SELECT a FROM customers WHERE b = $1", "SELECT customers"),
            (
                "select * from customers c join leads l on l.id = c.id left join crm.notes n using (id)",
                "SELECT customers leads crm.notes",
            ),
            (
                "INSERT INTO outbox_messages (id, type) VALUES ($1, 'x from secret') RETURNING id",
                "INSERT outbox_messages",
            ),
            ("INSERT INTO inbox VALUES ($1) ON CONFLICT (id) DO UPDATE SET n = inbox.n + 1", "INSERT inbox"),
            ("INSERT INTO a SELECT * FROM b", "INSERT a SELECT b"),
            ("UPDATE ONLY customers SET a = 1 FROM leads WHERE x = 'FROM zhang'", "UPDATE customers leads"),
            ("DELETE FROM customers WHERE id = ANY($1)", "DELETE customers"),
            (
                "WITH due AS (SELECT id FROM due_rows FOR UPDATE SKIP LOCKED) UPDATE due_rows d SET x = 1 FROM due",
                "SELECT due_rows UPDATE due_rows due",
            ),
            ("SELECT extract(epoch FROM create_time), substring(a from 1) FROM leads", "SELECT leads"),
            ("SELECT 1 FROM a WHERE b IS DISTINCT FROM c", "SELECT a"),
            ("SELECT * FROM unnest($1::uuid[]) AS t(id) JOIN customers USING (id)", "SELECT customers"),
            ("SELECT * FROM (SELECT * FROM a) b, c", "SELECT SELECT a"),
            ("COPY staging (a, b) FROM STDIN", "COPY staging"),
            ("CREATE TABLE IF NOT EXISTS t (a int)", "CREATE t"),
            ('SELECT "a" FROM "customers"', "SELECT customers"),
            ("/* from zhang */ SELECT 1 -- from wei", "SELECT"),
            ("SELECT pg_advisory_lock($1)", "SELECT"),
            ("SELECT * FROM a WHERE b = E'it\\'s FROM zhang' AND c = $tag$ FROM wei $tag$", "SELECT a"),
            ("SELECT * FROM 'unclosed from zhang", "SELECT"),
            ("", "QUERY"),
            ("13800138000", "QUERY"),
        ],
    )
    def test_names_operation_and_tables(self, statement: str, summary: str) -> None:
        summarise.cache_clear()
        assert summarise(statement) == summary.replace("SELECT SELECT", "SELECT")

    @given(st.text())
    def test_a_literal_never_shows(self, value: str) -> None:
        quoted = value.replace("'", "''")
        assert summarise(f"SELECT * FROM t WHERE a = '{quoted}' AND b = 1") == "SELECT t"

    @given(st.text(max_size=300))
    def test_any_text_is_survived_and_bounded(self, statement: str) -> None:
        assert 0 < len(summarise(statement)) <= MAX_LENGTH

    def test_many_tables_are_cut_at_a_word(self) -> None:
        joined = summarise("SELECT 1 FROM t " + " ".join(f"JOIN table_number_{n} ON true" for n in range(100)))
        assert len(joined) <= MAX_LENGTH
        assert joined.rsplit("_", 1)[1].isdigit()


class TestInstrumentEngine:
    async def test_a_recorded_request_draws_one_span_a_statement(
        self, engine: AsyncEngine, exporter: InMemorySpanExporter
    ) -> None:
        async with engine.connect() as connection:  # SQLAlchemy asks the server who it is on the first one
            await connection.execute(text("SELECT 1"))
        with spans.server_span(METHOD, SAMPLED):
            async with engine.begin() as connection:
                await connection.execute(text("SELECT relname FROM pg_class WHERE relname = :m"), {"m": MARKER})
                await connection.execute(text("SELECT 1"))
        first, second, server = exporter.get_finished_spans()
        assert [first.name, second.name] == ["SELECT pg_class", "SELECT"]
        assert dict(first.attributes or {}) == {"db.system.name": "postgresql", "db.query.summary": "SELECT pg_class"}
        assert first.kind is SpanKind.CLIENT
        assert first.parent is not None
        assert first.parent.span_id == server.context.span_id
        assert MARKER not in first.to_json()

    @pytest.mark.parametrize("traceparent", [UNSAMPLED, None])
    async def test_other_requests_and_idle_polls_draw_nothing(
        self, engine: AsyncEngine, exporter: InMemorySpanExporter, traceparent: str | None
    ) -> None:
        if traceparent is not None:
            with spans.server_span(METHOD, traceparent):
                async with engine.connect() as connection:
                    await connection.execute(text("SELECT 1"))
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        assert exporter.get_finished_spans() == ()

    async def test_a_failed_statement_is_marked_by_its_sqlstate_only(
        self, engine: AsyncEngine, exporter: InMemorySpanExporter
    ) -> None:
        with spans.server_span(METHOD, SAMPLED):
            async with engine.connect() as connection:
                with pytest.raises(DBAPIError):
                    await connection.execute(
                        text("SELECT CAST(:m AS integer) FROM pg_class").bindparams(m=7), {"m": "x"}
                    )
                await connection.rollback()
                with pytest.raises(DBAPIError):
                    await connection.execute(text(f"SELECT '{MARKER}' FROM missing_table"))
        failed = [span for span in exporter.get_finished_spans() if span.kind is SpanKind.CLIENT]
        assert all(span.status.status_code is StatusCode.ERROR for span in failed)
        assert (failed[-1].attributes or {})["db.response.status_code"] == "42P01"
        assert not any(MARKER in span.to_json() or "missing_table does" in span.to_json() for span in failed)


class TestDbSpan:
    def test_draws_inside_a_recorded_span_only(self, exporter: InMemorySpanExporter) -> None:
        with db_span("SELECT 1 FROM a"):
            pass
        with spans.server_span(METHOD, UNSAMPLED), db_span("SELECT 1 FROM a"):
            pass
        with spans.server_span(METHOD, SAMPLED), db_span("SELECT 1 FROM a"):
            pass
        assert [span.name for span in exporter.get_finished_spans()] == ["SELECT a", METHOD[1:]]
