"""Goodwill with its limits, how cases hang together, and prints of words by which the same complaint is known again."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0006"
down_revision = "0005"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    f"""
    CREATE TABLE IF NOT EXISTS case_goodwill (
        goodwill_id uuid NOT NULL, {AGGREGATE}, case_id uuid NOT NULL, dealer_id uuid, currency text NOT NULL, amount_minor bigint NOT NULL,
        remedy text NOT NULL, reason text NOT NULL, state integer NOT NULL, ask_key text NOT NULL, ask_staff_id uuid,
        decide_staff_id uuid, decide_reason text NOT NULL DEFAULT '', policy_version integer NOT NULL, decide_time timestamptz,
        CONSTRAINT pk_case_goodwill PRIMARY KEY (goodwill_id), CONSTRAINT ck_case_goodwill_amount CHECK (amount_minor > 0))
    """,
    "CREATE INDEX IF NOT EXISTS ix_case_goodwill_case ON case_goodwill (case_id, create_time, goodwill_id)",
    "CREATE INDEX IF NOT EXISTS ix_case_goodwill_create_time ON case_goodwill (create_time, goodwill_id)",
    "CREATE INDEX IF NOT EXISTS ix_case_goodwill_dealer ON case_goodwill (dealer_id, create_time, goodwill_id)",
    "CREATE INDEX IF NOT EXISTS ix_case_goodwill_waiting ON case_goodwill (create_time, goodwill_id) WHERE state = 1",
    """
    CREATE TABLE IF NOT EXISTS goodwill_policies (
        version integer NOT NULL, limits jsonb NOT NULL, actor text NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_goodwill_policies PRIMARY KEY (version))
    """,
    # The print of who said what of which car: no word can be read from it, and it goes with the words.
    """
    CREATE TABLE IF NOT EXISTS case_prints (
        case_id uuid NOT NULL, print bytea NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_case_prints PRIMARY KEY (case_id))
    """,
    "CREATE INDEX IF NOT EXISTS ix_case_prints_print ON case_prints (print, create_time)",
]
COLUMNS = [
    "ALTER TABLE cases ADD COLUMN IF NOT EXISTS parent_case_id uuid",
    "ALTER TABLE cases ADD COLUMN IF NOT EXISTS merged_into_case_id uuid",
    "ALTER TABLE cases ADD COLUMN IF NOT EXISTS split_from_case_id uuid",
    "ALTER TABLE cases ADD COLUMN IF NOT EXISTS repeat_count integer NOT NULL DEFAULT 0",
]
INDEXES = {
    "ix_cases_parent": "cases (parent_case_id, receive_time, case_id) WHERE parent_case_id IS NOT NULL",
    "ix_cases_merged": "cases (merged_into_case_id) WHERE merged_into_case_id IS NOT NULL",
}


def upgrade() -> None:
    """Adds tables and columns; nothing is rewritten. May be run again from its beginning."""
    for statement in (*TABLES, *COLUMNS):
        op.execute(statement)
    build_indexes(INDEXES)
