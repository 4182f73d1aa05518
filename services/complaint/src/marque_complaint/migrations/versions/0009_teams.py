"""Ladders of escalation, tasks of teams, macros, saved views, fault codes, notices of signals, and what reports are set against."""

from alembic import op
from servicekit.db.migrate import backfill, build_indexes, drop_indexes

revision = "0009"
down_revision = "0008"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    """
    CREATE TABLE IF NOT EXISTS case_steps (
        case_id uuid NOT NULL, clock integer NOT NULL, percent integer NOT NULL, escalation integer NOT NULL,
        start_time timestamptz NOT NULL, due_time timestamptz, act_time timestamptz,
        CONSTRAINT pk_case_steps PRIMARY KEY (case_id, clock, percent))
    """,
    f"""
    CREATE TABLE IF NOT EXISTS case_tasks (
        task_id uuid NOT NULL, {AGGREGATE}, case_id uuid NOT NULL, kind integer NOT NULL, purpose text NOT NULL,
        department text NOT NULL DEFAULT '', dealer_id uuid, owner_staff_id uuid, due_time timestamptz NOT NULL, state integer NOT NULL,
        late_time timestamptz, finish_time timestamptz, finish_staff_id uuid, finish_reason text NOT NULL DEFAULT '',
        CONSTRAINT pk_case_tasks PRIMARY KEY (task_id), CONSTRAINT ck_case_tasks_finished CHECK ((state = 1) = (finish_time IS NULL)))
    """,
    "CREATE INDEX IF NOT EXISTS ix_case_tasks_case ON case_tasks (case_id, due_time, task_id)",
    "CREATE INDEX IF NOT EXISTS ix_case_tasks_owner ON case_tasks (owner_staff_id, due_time, task_id) WHERE owner_staff_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS ix_case_tasks_dealer ON case_tasks (dealer_id, due_time, task_id) WHERE dealer_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS ix_case_tasks_open ON case_tasks (due_time, task_id) WHERE state = 1",
    "CREATE INDEX IF NOT EXISTS ix_case_tasks_due_time ON case_tasks (due_time, task_id)",
    f"""
    CREATE TABLE IF NOT EXISTS case_macros (
        macro_code text NOT NULL, {AGGREGATE}, names jsonb NOT NULL, actions jsonb NOT NULL, retired boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_case_macros PRIMARY KEY (macro_code))
    """,
    f"""
    CREATE TABLE IF NOT EXISTS case_views (
        view_id uuid NOT NULL, {AGGREGATE}, owner_key text NOT NULL, dealer_id uuid, name text NOT NULL, filter jsonb NOT NULL,
        shared boolean NOT NULL, CONSTRAINT pk_case_views PRIMARY KEY (view_id))
    """,
    "CREATE INDEX IF NOT EXISTS ix_case_views_owner ON case_views (owner_key, name, view_id)",
    "CREATE INDEX IF NOT EXISTS ix_case_views_shared ON case_views (dealer_id, name, view_id) WHERE shared",
    """
    CREATE TABLE IF NOT EXISTS defect_notices (
        notice_number bigint GENERATED ALWAYS AS IDENTITY, staff_id uuid NOT NULL, signal_id uuid NOT NULL REFERENCES defect_signals,
        reason integer NOT NULL, after_count integer NOT NULL, create_time timestamptz NOT NULL, read_time timestamptz,
        CONSTRAINT pk_defect_notices PRIMARY KEY (notice_number))
    """,
    "CREATE INDEX IF NOT EXISTS ix_defect_notices_staff ON defect_notices (staff_id, notice_number)",
    # What complaints are set against: cars sold, visits that ended, the cars' models, and the stages of customers' lives.
    """
    CREATE TABLE IF NOT EXISTS known_deeds (
        deed_id uuid NOT NULL, kind integer NOT NULL, vin text NOT NULL, dealer_id uuid, month date, voided boolean NOT NULL,
        CONSTRAINT pk_known_deeds PRIMARY KEY (deed_id))
    """,
    "CREATE INDEX IF NOT EXISTS ix_known_deeds_month ON known_deeds (month) INCLUDE (kind, dealer_id, vin, voided)",
    "CREATE INDEX IF NOT EXISTS ix_known_deeds_dealer ON known_deeds (dealer_id, month) INCLUDE (kind, vin, voided)",
    """
    CREATE TABLE IF NOT EXISTS known_cars (
        vin text NOT NULL, make text NOT NULL, model text NOT NULL, model_year integer NOT NULL,
        CONSTRAINT pk_known_cars PRIMARY KEY (vin))
    """,
    """
    CREATE TABLE IF NOT EXISTS known_stages (
        customer_id uuid NOT NULL, stage integer NOT NULL, version bigint NOT NULL,
        CONSTRAINT pk_known_stages PRIMARY KEY (customer_id))
    """,
]
COLUMNS = [
    "ALTER TABLE cases ADD COLUMN IF NOT EXISTS fault_codes text[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE cases ADD COLUMN IF NOT EXISTS open_task_count integer NOT NULL DEFAULT 0",
    "ALTER TABLE case_facts ADD COLUMN IF NOT EXISTS cause text NOT NULL DEFAULT ''",
    "ALTER TABLE case_facts ADD COLUMN IF NOT EXISTS weekday integer NOT NULL DEFAULT 0",
    "ALTER TABLE case_facts ADD COLUMN IF NOT EXISTS hour integer NOT NULL DEFAULT 0",
]
INDEXES = {
    "ix_cases_fault_codes": "cases USING gin (fault_codes) WHERE fault_codes <> '{}'",
    "ix_case_facts_report": "case_facts (month) INCLUDE (dealer_id, kind, severity, make, model, model_year, system, leads_system, "
    "component, category, predicted, category_predicted, mileage_from_km, place, response, resolution, reopened, is_open, ordinal, cause, "
    "weekday, hour)",
}


def upgrade() -> None:
    """Adds tables and columns; every case is marked to be counted with its cause and hour. May be run again from its beginning."""
    for statement in (*TABLES, *COLUMNS):
        op.execute(statement)
    build_indexes(INDEXES)
    drop_indexes("ix_case_facts_month")
    backfill(
        "INSERT INTO case_marks SELECT f.case_id FROM case_facts f WHERE f.ordinal = 0 AND f.weekday = 0 "
        "AND NOT EXISTS (SELECT FROM case_marks m WHERE m.case_id = f.case_id) LIMIT 5000"
    )
