"""Recalls: their scopes by version, the cars in them, and how far they have come."""

from alembic import op

revision = "0005"
down_revision = "0004"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    f"""
    CREATE TABLE recalls (
        recall_id uuid PRIMARY KEY, {AGGREGATE}, code text NOT NULL, title text NOT NULL, defect text NOT NULL DEFAULT '',
        remedy text NOT NULL DEFAULT '', remedy_operation_codes text[] NOT NULL DEFAULT '{{}}', market text NOT NULL DEFAULT '',
        state integer NOT NULL, scope_version integer NOT NULL DEFAULT 0, open_time timestamptz, close_time timestamptz,
        CONSTRAINT uq_recalls_code UNIQUE (code),
        CONSTRAINT ck_recalls_draft CHECK ((state = 1) = (scope_version = 0)))
    """,
    "CREATE INDEX ix_recalls_update_time ON recalls (update_time, recall_id)",
    """
    CREATE TABLE recall_scopes (
        recall_id uuid NOT NULL REFERENCES recalls, scope_version integer NOT NULL, vehicle_count bigint NOT NULL,
        added_count bigint NOT NULL, removed_count bigint NOT NULL, digest text NOT NULL, freeze_time timestamptz NOT NULL,
        told_upto text NOT NULL DEFAULT '', PRIMARY KEY (recall_id, scope_version))
    """,
    # A car is in the versions of the scope from the first one up to the one without it. Versions beyond the recall's own are pending:
    # so freezing a scope of any size writes no row of a car. The car need not be registered.
    """
    CREATE TABLE recall_vehicles (
        recall_id uuid NOT NULL REFERENCES recalls, vin varchar(17) NOT NULL, first_version integer NOT NULL, removed_version integer,
        version bigint NOT NULL DEFAULT 1, state integer NOT NULL DEFAULT 1, remedy_kind integer NOT NULL DEFAULT 0,
        remedy_time timestamptz, dealer_id uuid, repair_order_id uuid, PRIMARY KEY (recall_id, vin, first_version),
        CONSTRAINT ck_recall_vehicles_versions CHECK (removed_version > first_version),
        CONSTRAINT ck_recall_vehicles_remedied CHECK ((state = 2) = (remedy_time IS NOT NULL)))
    """,
    "CREATE UNIQUE INDEX uq_recall_vehicles_present ON recall_vehicles (recall_id, vin) WHERE removed_version IS NULL",
    "CREATE INDEX ix_recall_vehicles_vin ON recall_vehicles (vin)",
    "CREATE INDEX ix_recall_vehicles_state ON recall_vehicles (recall_id, state, vin)",
    "CREATE INDEX ix_recall_vehicles_first_version ON recall_vehicles (recall_id, first_version, vin)",
    "CREATE INDEX ix_recall_vehicles_removed ON recall_vehicles (recall_id, removed_version) WHERE removed_version IS NOT NULL",
    """
    CREATE TABLE recall_completions (
        recall_id uuid NOT NULL REFERENCES recalls, week date NOT NULL, dealer_id uuid NOT NULL, remedied bigint NOT NULL,
        PRIMARY KEY (recall_id, week, dealer_id))
    """,
]


def upgrade() -> None:
    """Creates the tables."""
    for statement in TABLES:
        op.execute(statement)
