"""What profiles must hold at each stage, and how complete they are by source, dealer and clerk."""

import json

from alembic import op
from servicekit.db.tables import statements

revision = "0012"
down_revision = "0011"

TABLES = """
CREATE TABLE IF NOT EXISTS profile_rules (
    version integer PRIMARY KEY, rules jsonb NOT NULL, create_time timestamptz NOT NULL, principal text NOT NULL);
CREATE TABLE IF NOT EXISTS profile_marks (
    customer_id uuid PRIMARY KEY, kind smallint NOT NULL, stage smallint NOT NULL, source text NOT NULL, asked smallint[] NOT NULL,
    missing smallint[] NOT NULL, dealers uuid[] NOT NULL, clerks uuid[] NOT NULL);
CREATE TABLE IF NOT EXISTS profile_counts (
    dealer_id uuid NOT NULL, staff_id uuid NOT NULL, source text NOT NULL, kind smallint NOT NULL, stage smallint NOT NULL,
    field smallint NOT NULL, asked bigint NOT NULL, missing bigint NOT NULL,
    CONSTRAINT pk_profile_counts PRIMARY KEY (dealer_id, staff_id, source, kind, stage, field));
CREATE TABLE IF NOT EXISTS profile_stale (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id uuid NOT NULL)
"""
# Whoever changes what is counted says so in the same transaction, by whatever path: API, import, merge, erasure. A row for each change,
# without a key that two could wait for.
FUNCTIONS = (
    """
CREATE OR REPLACE FUNCTION profile_added() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO profile_stale (customer_id) SELECT DISTINCT customer_id FROM added;
    RETURN NULL;
END $$""",
    """
CREATE OR REPLACE FUNCTION profile_changed() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO profile_stale (customer_id) SELECT a.customer_id FROM added a JOIN gone g USING (customer_id)
    WHERE a.update_time <> g.update_time OR a.status <> g.status OR a.stage <> g.stage;
    RETURN NULL;
END $$""",
    """
CREATE OR REPLACE FUNCTION profile_gone() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    INSERT INTO profile_stale (customer_id) SELECT DISTINCT customer_id FROM gone;
    RETURN NULL;
END $$""",
)
TRIGGERS = (
    "profile_added AFTER INSERT ON customers REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION profile_added()",
    "profile_changed AFTER UPDATE ON customers REFERENCING OLD TABLE AS gone NEW TABLE AS added"
    " FOR EACH STATEMENT EXECUTE FUNCTION profile_changed()",
    "profile_added AFTER INSERT ON dealer_customers REFERENCING NEW TABLE AS added"
    " FOR EACH STATEMENT EXECUTE FUNCTION profile_added()",
    "profile_gone AFTER DELETE ON dealer_customers REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION profile_gone()",
)
# Of no law: customs of the trade to begin with, which managers change by PutProfileRules. Kinds, stages and fields are numbers of the
# contract (CustomerKind, LifecycleStage, ProfileField): who may buy must have a name and be reachable; who has a car must be found for a
# recall, greeted, and asked in a way that they like.
FIRST_RULES = {
    "requirements": [
        {"kind": 1, "stage": 0, "fields": [1, 3]},
        {"kind": 1, "stage": 2, "fields": [4, 7, 8, 11]},
        {"kind": 1, "stage": 3, "fields": [4, 7, 8, 11]},
        {"kind": 1, "stage": 4, "fields": [4, 7, 11]},
        {"kind": 1, "stage": 6, "fields": [4, 7, 8, 11]},
        {"kind": 2, "stage": 0, "fields": [2, 3]},
        {"kind": 2, "stage": 2, "fields": [4, 7, 16]},
        {"kind": 2, "stage": 3, "fields": [4, 7, 16]},
    ]
}


def upgrade() -> None:
    """Creates the tables and the first rules; who was there before is counted by due work."""
    for statement in statements(TABLES):
        op.execute(statement)
    for function in FUNCTIONS:
        op.execute(function)
    for trigger in TRIGGERS:
        op.execute(f"CREATE OR REPLACE TRIGGER {trigger}")
    op.execute(
        "INSERT INTO profile_rules (version, rules, create_time, principal)"  # noqa: S608 - our own constant, without quotation marks
        f" VALUES (1, '{json.dumps(FIRST_RULES)}', now(), 'system') ON CONFLICT DO NOTHING"
    )
    op.execute(
        "INSERT INTO due_work (kind, key, due_time)"
        " VALUES ('profile-rules', '1/00000000-0000-0000-0000-000000000000', now()) ON CONFLICT DO NOTHING"
    )
