"""The platform's tables about staff, which stand in every service's database beside its own.

`create_staff` is frozen: one migration of each service calls it. A later change is a new function, called by a new migration.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from servicekit.db.tables import platform, statements

known_staff = sa.Table(
    "known_staff",
    platform,
    sa.Column("subject_key", sa.Text, primary_key=True),
    sa.Column("staff_id", sa.Uuid),
    sa.Column("status", sa.Integer),
    sa.Column("roles", sa.ARRAY(sa.Text)),
    sa.Column("dealer_id", sa.Uuid),
    sa.Column("region_code", sa.Text),
    sa.Column("group_code", sa.Text),
    sa.Column("version", sa.BigInteger),
    sa.Column("change_time", sa.DateTime(timezone=True)),
    sa.Column("changed_in", sa.Text),  # xid8: the transaction that wrote the row, by which replicas find what is new
)
handed_over = sa.Table(
    "handed_over",
    platform,
    sa.Column("hand_over_id", sa.Uuid, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("to_staff_id", sa.Uuid),
    sa.Column("reason", sa.Text),
    sa.Column("create_time", sa.DateTime(timezone=True)),
)

STAFF_V1 = """
CREATE TABLE known_staff (
    subject_key text PRIMARY KEY, staff_id uuid NOT NULL, status integer NOT NULL, roles text[] NOT NULL, dealer_id uuid,
    region_code text NOT NULL, group_code text NOT NULL, version bigint NOT NULL, change_time timestamptz NOT NULL,
    changed_in xid8 NOT NULL DEFAULT pg_current_xact_id());
CREATE INDEX ix_known_staff_staff_id ON known_staff (staff_id);
CREATE INDEX ix_known_staff_changed_in ON known_staff (changed_in);
CREATE TABLE handed_over (
    hand_over_id uuid NOT NULL, position bigint NOT NULL, kind text NOT NULL, key text NOT NULL, to_staff_id uuid,
    reason text NOT NULL DEFAULT '', create_time timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (hand_over_id, position));
CREATE UNIQUE INDEX uq_handed_over_key ON handed_over (hand_over_id, kind, key);
CREATE INDEX ix_handed_over_create_time ON handed_over USING brin (create_time);
"""


def create_staff(execute: Callable[[str], object]) -> None:
    """Creates the tables; `execute` is alembic's `op.execute`."""
    for statement in statements(STAFF_V1):
        execute(statement)
