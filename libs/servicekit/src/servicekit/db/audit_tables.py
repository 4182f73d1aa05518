"""The platform's tables of the audit trail's chain, which stand in every service's database beside its own.

`create_audit_chain` is frozen: one migration of each service calls it. A later change is a new function, called by a new migration.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from servicekit.db.tables import platform, statements

_moment = sa.DateTime(timezone=True)

audit_links = sa.Table(
    "audit_links",
    platform,
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("audit_id", sa.Uuid),
    sa.Column("hash", sa.LargeBinary),
)
audit_anchors = sa.Table(
    "audit_anchors",
    platform,
    sa.Column("segment", sa.BigInteger, primary_key=True),
    sa.Column("chain_id", sa.Uuid),
    sa.Column("first_position", sa.BigInteger),
    sa.Column("last_position", sa.BigInteger),
    sa.Column("start_hash", sa.LargeBinary),
    sa.Column("head_hash", sa.LargeBinary),
    sa.Column("open_time", _moment),
    sa.Column("close_time", _moment),
    sa.Column("previous_hash", sa.LargeBinary),
    sa.Column("key_id", sa.Text),
    sa.Column("signature", sa.LargeBinary),
    sa.Column("hash", sa.LargeBinary),
    sa.Column("drop_time", _moment),  # from here on: set together, once, when the segment's records are dropped
    sa.Column("drop_days", sa.BigInteger),
    sa.Column("drop_key_id", sa.Text),
    sa.Column("drop_signature", sa.LargeBinary),
)
audit_chain = sa.Table(
    "audit_chain",
    platform,
    sa.Column("single", sa.Boolean, primary_key=True),
    sa.Column("chain_id", sa.Uuid),
    sa.Column("position", sa.BigInteger),
    sa.Column("head_hash", sa.LargeBinary),
    sa.Column("last_transaction", sa.Text),  # xid8
    sa.Column("last_audit_id", sa.Uuid),
    sa.Column("segment", sa.BigInteger),
    sa.Column("first_position", sa.BigInteger),
    sa.Column("start_hash", sa.LargeBinary),
    sa.Column("open_time", _moment),
    sa.Column("previous_hash", sa.LargeBinary),
)

# `transaction` is the database transaction that wrote a record. What a finished transaction wrote can be seen all at once, so the records
# below the oldest one still open have an order that no late commit changes; the chain is made in that order, and no writer waits for it.
# Every record that stood before this migration gets the migration's own. Tables whose rows turn over all the time are vacuumed more often
# than by the fifth of them that PostgreSQL waits for.
AUDIT_CHAIN = """
ALTER TABLE audit_records ADD COLUMN IF NOT EXISTS transaction xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE TABLE IF NOT EXISTS audit_links (
    position bigint PRIMARY KEY, audit_id uuid NOT NULL CONSTRAINT uq_audit_links_audit_id UNIQUE, hash bytea NOT NULL);
CREATE TABLE IF NOT EXISTS audit_anchors (
    segment bigint PRIMARY KEY, chain_id uuid NOT NULL, first_position bigint NOT NULL, last_position bigint NOT NULL,
    start_hash bytea NOT NULL, head_hash bytea NOT NULL, open_time timestamptz NOT NULL, close_time timestamptz NOT NULL,
    previous_hash bytea NOT NULL, key_id text NOT NULL, signature bytea NOT NULL, hash bytea NOT NULL,
    drop_time timestamptz, drop_days bigint, drop_key_id text, drop_signature bytea);
CREATE INDEX IF NOT EXISTS ix_audit_anchors_kept ON audit_anchors (segment) WHERE drop_time IS NULL;
CREATE TABLE IF NOT EXISTS audit_chain (
    single boolean PRIMARY KEY DEFAULT true CHECK (single), chain_id uuid NOT NULL, position bigint NOT NULL, head_hash bytea NOT NULL,
    last_transaction xid8 NOT NULL, last_audit_id uuid NOT NULL, segment bigint NOT NULL, first_position bigint NOT NULL,
    start_hash bytea NOT NULL, open_time timestamptz, previous_hash bytea NOT NULL) WITH (fillfactor = 50);
ALTER TABLE outbox_messages SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
ALTER TABLE due_work SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)
"""
AUDIT_INDEXES = {
    "ix_audit_records_transaction": "audit_records (transaction, audit_id)",
    "ix_audit_records_principal": "audit_records (principal, create_time DESC, audit_id DESC)",
}


def create_audit_chain(execute: Callable[[str], object], build: Callable[[dict[str, str]], object]) -> None:
    """Adds the chain of the audit trail; `build` is `migrate.build_indexes`. Done again after a break, it goes on where it stopped."""
    for statement in statements(AUDIT_CHAIN):
        execute(statement)
    build(AUDIT_INDEXES)
