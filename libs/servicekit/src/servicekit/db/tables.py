"""The platform's tables, which stand in every service's database beside its own.

`create_v1` is frozen: it is called by the first migration of each service. A later change is a new function, called by a new migration
(audit_tables.py, staff_tables.py).
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

platform = sa.MetaData()
_moment = sa.DateTime(timezone=True)

outbox_messages = sa.Table(
    "outbox_messages",
    platform,
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("event_id", sa.Uuid),
    sa.Column("event_type", sa.Text),
    sa.Column("aggregate_id", sa.Text),
    sa.Column("aggregate_version", sa.BigInteger),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("traceparent", sa.Text),
    sa.Column("create_time", _moment),
    sa.Column("publish_time", _moment),
)
inbox_messages = sa.Table(
    "inbox_messages",
    platform,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Uuid, primary_key=True),
    sa.Column("create_time", _moment),
)
dead_letters = sa.Table(
    "dead_letters",
    platform,
    sa.Column("dead_letter_id", sa.Uuid, primary_key=True),
    sa.Column("consumer", sa.Text),
    sa.Column("event_id", sa.Uuid),
    sa.Column("event_type", sa.Text),
    sa.Column("headers", JSONB),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("reason", sa.Text),
    sa.Column("create_time", _moment),
    sa.Column("replay_time", _moment),
)
idempotency_keys = sa.Table(
    "idempotency_keys",
    platform,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.LargeBinary),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("create_time", _moment),
)
audit_records = sa.Table(
    "audit_records",
    platform,
    sa.Column("audit_id", sa.Uuid, primary_key=True),
    sa.Column("create_time", _moment),
    sa.Column("principal", sa.Text),
    sa.Column("roles", sa.Text),
    sa.Column("method", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("resource_type", sa.Text),
    sa.Column("resource_id", sa.Text),  # empty where the record is about several, or about none that was found
    sa.Column("resource_ids", sa.ARRAY(sa.Text)),
    sa.Column("fields", sa.ARRAY(sa.Text)),
    sa.Column("trace_id", sa.Text),
)
due_work = sa.Table(
    "due_work",
    platform,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("due_time", _moment),
    sa.Column("attempts", sa.Integer),
    sa.Column("failure", sa.Text),
)
customer_aliases = sa.Table(
    "customer_aliases",
    platform,
    sa.Column("from_customer_id", sa.Uuid, primary_key=True),
    sa.Column("known_from", _moment, primary_key=True),
    sa.Column("to_customer_id", sa.Uuid),
    sa.Column("known_until", _moment),
    sa.Column("version", sa.BigInteger),
)
known_dealers = sa.Table(
    "known_dealers",
    platform,
    sa.Column("dealer_id", sa.Uuid, primary_key=True),
    sa.Column("code", sa.Text),
    sa.Column("region_code", sa.Text),
    sa.Column("group_code", sa.Text),
    sa.Column("time_zone", sa.Text),
    sa.Column("status", sa.Integer),
    sa.Column("version", sa.BigInteger),
)
imports = sa.Table(
    "imports",
    platform,
    sa.Column("import_id", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("kind", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("principal", sa.Text),
    sa.Column("claims", JSONB),
    sa.Column("options", JSONB),
    sa.Column("file_name", sa.Text),
    sa.Column("file_format", sa.Text),
    sa.Column("file_size", sa.BigInteger),
    sa.Column("file_sha256", sa.Text),
    sa.Column("next_row", sa.BigInteger),
    sa.Column("rows_total", sa.BigInteger),
    sa.Column("created", sa.BigInteger),
    sa.Column("updated", sa.BigInteger),
    sa.Column("unchanged", sa.BigInteger),
    sa.Column("rejected", sa.BigInteger),
    sa.Column("failure", sa.Text),
    sa.Column("create_time", _moment),
    sa.Column("start_time", _moment),
    sa.Column("end_time", _moment),
)
import_chunks = sa.Table(
    "import_chunks",
    platform,
    sa.Column("import_id", sa.Uuid, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary),
)
import_errors = sa.Table(
    "import_errors",
    platform,
    sa.Column("import_id", sa.Uuid, primary_key=True),
    sa.Column("row_number", sa.BigInteger, primary_key=True),
    sa.Column("key", sa.Text),
    sa.Column("violations", JSONB),
)
legal_holds = sa.Table(
    "legal_holds",
    platform,
    sa.Column("hold_id", sa.Uuid, primary_key=True),
    sa.Column("customer_id", sa.Uuid),
    sa.Column("reason", sa.Text),
    sa.Column("kinds", sa.ARRAY(sa.Text)),
    sa.Column("set_time", _moment),
    sa.Column("until_time", _moment),
    sa.Column("release_time", _moment),
)
erasures = sa.Table(
    "erasures",
    platform,
    sa.Column("erasure_id", sa.Uuid, primary_key=True),
    sa.Column("customer_id", sa.Uuid),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("create_time", _moment),
)
republishes = sa.Table(
    "republishes",
    platform,
    sa.Column("republish_id", sa.Uuid, primary_key=True),
    sa.Column("principal", sa.Text),
    sa.Column("aggregates", sa.ARRAY(sa.Text)),
    sa.Column("current", sa.Text),
    sa.Column("position", sa.Text),
    sa.Column("snapshots", sa.BigInteger),
    sa.Column("create_time", _moment),
    sa.Column("end_time", _moment),
)

V1 = """
CREATE TABLE outbox_messages (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE, event_type text NOT NULL, aggregate_id text NOT NULL, aggregate_version bigint NOT NULL,
    payload bytea NOT NULL, traceparent text, create_time timestamptz NOT NULL DEFAULT now(), publish_time timestamptz);
CREATE INDEX ix_outbox_messages_unpublished ON outbox_messages (position) WHERE publish_time IS NULL;
CREATE INDEX ix_outbox_messages_published ON outbox_messages (publish_time) WHERE publish_time IS NOT NULL;
CREATE TABLE inbox_messages (
    consumer text NOT NULL, event_id uuid NOT NULL, create_time timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (consumer, event_id));
CREATE INDEX ix_inbox_messages_create_time ON inbox_messages USING brin (create_time);
CREATE TABLE dead_letters (
    dead_letter_id uuid PRIMARY KEY, consumer text NOT NULL, event_id uuid NOT NULL, event_type text NOT NULL, headers jsonb NOT NULL,
    payload bytea NOT NULL, reason text NOT NULL, create_time timestamptz NOT NULL DEFAULT now(), replay_time timestamptz,
    UNIQUE (consumer, event_id));
CREATE INDEX ix_dead_letters_waiting ON dead_letters (consumer, create_time, dead_letter_id) WHERE replay_time IS NULL;
CREATE INDEX ix_dead_letters_oldest ON dead_letters (create_time, dead_letter_id) WHERE replay_time IS NULL;
CREATE TABLE idempotency_keys (
    principal text NOT NULL, method text NOT NULL, request_id text NOT NULL, request_hash bytea NOT NULL, answer bytea,
    create_time timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (principal, method, request_id));
CREATE INDEX ix_idempotency_keys_create_time ON idempotency_keys USING brin (create_time);
CREATE TABLE audit_records (
    audit_id uuid PRIMARY KEY, create_time timestamptz NOT NULL DEFAULT now(), principal text NOT NULL, roles text NOT NULL,
    method text NOT NULL, action text NOT NULL, resource_type text NOT NULL, resource_id text NOT NULL,
    resource_ids text[] NOT NULL DEFAULT '{}', fields text[] NOT NULL DEFAULT '{}', trace_id text NOT NULL DEFAULT '');
CREATE INDEX ix_audit_records_resource ON audit_records (resource_type, resource_id, create_time DESC);
CREATE INDEX ix_audit_records_resource_ids ON audit_records USING gin (resource_ids) WHERE resource_ids <> '{}';
CREATE INDEX ix_audit_records_create_time ON audit_records USING brin (create_time);
CREATE TABLE due_work (
    kind text NOT NULL, key text NOT NULL, due_time timestamptz NOT NULL, attempts integer NOT NULL DEFAULT 0, failure text,
    PRIMARY KEY (kind, key));
CREATE INDEX ix_due_work_due_time ON due_work (due_time);
CREATE TABLE customer_aliases (
    from_customer_id uuid NOT NULL, known_from timestamptz NOT NULL, to_customer_id uuid NOT NULL, known_until timestamptz,
    version bigint NOT NULL, PRIMARY KEY (from_customer_id, known_from));
CREATE UNIQUE INDEX uq_customer_aliases_open ON customer_aliases (from_customer_id) WHERE known_until IS NULL;
CREATE INDEX ix_customer_aliases_to ON customer_aliases (to_customer_id) WHERE known_until IS NULL;
CREATE TABLE known_dealers (
    dealer_id uuid PRIMARY KEY, code text NOT NULL, region_code text NOT NULL, group_code text NOT NULL, time_zone text NOT NULL,
    status integer NOT NULL, version bigint NOT NULL);
CREATE INDEX ix_known_dealers_code ON known_dealers (code);
CREATE INDEX ix_known_dealers_region_code ON known_dealers (region_code) WHERE region_code <> '';
CREATE INDEX ix_known_dealers_group_code ON known_dealers (group_code) WHERE group_code <> '';
CREATE TABLE imports (
    import_id uuid PRIMARY KEY, version bigint NOT NULL DEFAULT 1, kind text NOT NULL, state text NOT NULL,
    principal text NOT NULL, claims jsonb NOT NULL, options jsonb NOT NULL, file_name text NOT NULL,
    file_format text NOT NULL, file_size bigint NOT NULL, file_sha256 text NOT NULL,
    next_row bigint NOT NULL DEFAULT 0, rows_total bigint, created bigint NOT NULL DEFAULT 0, updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0, rejected bigint NOT NULL DEFAULT 0, failure text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL DEFAULT now(), start_time timestamptz, end_time timestamptz);
CREATE INDEX ix_imports_principal ON imports (principal, create_time DESC, import_id DESC);
CREATE INDEX ix_imports_create_time ON imports (create_time DESC, import_id DESC);
CREATE INDEX ix_imports_open ON imports (state) WHERE end_time IS NULL;
CREATE TABLE import_chunks (
    import_id uuid NOT NULL REFERENCES imports ON DELETE CASCADE, sequence integer NOT NULL, content bytea NOT NULL,
    PRIMARY KEY (import_id, sequence));
CREATE TABLE import_errors (
    import_id uuid NOT NULL REFERENCES imports ON DELETE CASCADE, row_number bigint NOT NULL, key text NOT NULL, violations jsonb NOT NULL,
    PRIMARY KEY (import_id, row_number));
CREATE TABLE legal_holds (
    hold_id uuid PRIMARY KEY, customer_id uuid NOT NULL, reason text NOT NULL, kinds text[] NOT NULL, set_time timestamptz NOT NULL,
    until_time timestamptz, release_time timestamptz);
CREATE INDEX ix_legal_holds_customer_id ON legal_holds (customer_id) WHERE release_time IS NULL;
CREATE TABLE erasures (
    erasure_id uuid PRIMARY KEY, customer_id uuid NOT NULL, answer bytea, create_time timestamptz NOT NULL);
CREATE INDEX ix_erasures_customer_id ON erasures (customer_id);
CREATE TABLE republishes (
    republish_id uuid PRIMARY KEY, principal text NOT NULL, aggregates text[] NOT NULL, current text NOT NULL, position text NOT NULL,
    snapshots bigint NOT NULL DEFAULT 0, create_time timestamptz NOT NULL, end_time timestamptz);
CREATE INDEX ix_republishes_open ON republishes (create_time) WHERE end_time IS NULL;
"""


def statements(script: str) -> list[str]:
    """Splits a script into its statements; the platform's scripts hold no semicolon inside a statement."""
    return [statement.strip() for statement in script.split(";") if statement.strip()]


def create_v1(execute: Callable[[str], object]) -> None:
    """Creates the platform's tables; `execute` is alembic's `op.execute`."""
    for statement in statements(V1):
        execute(statement)
    execute("INSERT INTO due_work (kind, key, due_time) VALUES ('housekeeping', '', now())")
