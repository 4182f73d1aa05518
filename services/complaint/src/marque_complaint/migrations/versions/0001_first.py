"""The platform's tables, cases with their history, clocks and threads, the policy and dealers' hours."""

from alembic import op
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

CASES = [
    f"""
    CREATE TABLE cases (
        case_id uuid NOT NULL, {AGGREGATE}, tracking_code text NOT NULL, kind integer NOT NULL, channel integer NOT NULL DEFAULT 0,
        state integer NOT NULL, waiting integer NOT NULL DEFAULT 0, severity integer NOT NULL DEFAULT 0,
        escalation integer NOT NULL DEFAULT 0, dealer_id uuid, customer_id uuid, handler_staff_id uuid, vin text NOT NULL DEFAULT '',
        make text NOT NULL DEFAULT '', model text NOT NULL DEFAULT '', model_year integer NOT NULL DEFAULT 0,
        subject text NOT NULL DEFAULT '', description text NOT NULL DEFAULT '', remedy_asked text NOT NULL DEFAULT '',
        proposal text NOT NULL DEFAULT '', further_options text NOT NULL DEFAULT '', resolution text NOT NULL DEFAULT '',
        remedy text NOT NULL DEFAULT '', cause text NOT NULL DEFAULT '', category text NOT NULL DEFAULT '',
        components text[] NOT NULL DEFAULT '{{}}', safety_signs text[] NOT NULL DEFAULT '{{}}', customer_tier text NOT NULL DEFAULT '',
        incident_date date, odometer_km integer NOT NULL DEFAULT 0, crash boolean NOT NULL DEFAULT false,
        fire boolean NOT NULL DEFAULT false, injured integer NOT NULL DEFAULT 0, deaths integer NOT NULL DEFAULT 0,
        place text NOT NULL DEFAULT '', policy_version integer NOT NULL DEFAULT 0, receive_time timestamptz NOT NULL,
        resolve_time timestamptz, close_time timestamptz, due_time timestamptz, assign_time timestamptz,
        reopen_count integer NOT NULL DEFAULT 0,
        entry_count integer NOT NULL DEFAULT 0, message_count integer NOT NULL DEFAULT 0, note_count integer NOT NULL DEFAULT 0,
        source text NOT NULL DEFAULT '', source_key text NOT NULL DEFAULT '',
        CONSTRAINT pk_cases PRIMARY KEY (case_id),
        CONSTRAINT uq_cases_tracking_code UNIQUE (tracking_code),
        CONSTRAINT ck_cases_closed CHECK ((state = 9) = (close_time IS NOT NULL)))
    """,
    "CREATE UNIQUE INDEX uq_cases_source ON cases (source, source_key) WHERE source_key <> ''",
    "CREATE INDEX ix_cases_receive_time ON cases (receive_time, case_id)",
    "CREATE INDEX ix_cases_update_time ON cases (update_time, case_id)",
    "CREATE INDEX ix_cases_due_time ON cases (due_time, case_id) WHERE due_time IS NOT NULL",
    "CREATE INDEX ix_cases_open ON cases (receive_time, case_id) WHERE close_time IS NULL",
    "CREATE INDEX ix_cases_safety ON cases (receive_time, case_id) WHERE severity = 4",
    "CREATE INDEX ix_cases_dealer_receive_time ON cases (dealer_id, receive_time, case_id) WHERE dealer_id IS NOT NULL",
    "CREATE INDEX ix_cases_dealer_update_time ON cases (dealer_id, update_time, case_id) WHERE dealer_id IS NOT NULL",
    "CREATE INDEX ix_cases_dealer_due_time ON cases (dealer_id, due_time, case_id) WHERE dealer_id IS NOT NULL AND due_time IS NOT NULL",
    "CREATE INDEX ix_cases_dealer_open ON cases (dealer_id, receive_time, case_id) WHERE dealer_id IS NOT NULL AND close_time IS NULL",
    "CREATE INDEX ix_cases_customer ON cases (customer_id, receive_time, case_id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX ix_cases_handler ON cases (handler_staff_id, receive_time, case_id) WHERE handler_staff_id IS NOT NULL",
    "CREATE INDEX ix_cases_vin ON cases (vin, receive_time, case_id) WHERE vin <> ''",
    "CREATE INDEX ix_cases_assign_time ON cases (assign_time) WHERE assign_time IS NOT NULL",
    "CREATE INDEX ix_cases_components ON cases USING gin (components)",
    """
    CREATE TABLE case_entries (
        case_id uuid NOT NULL REFERENCES cases, sequence integer NOT NULL, action text NOT NULL, from_state integer NOT NULL DEFAULT 0,
        state integer NOT NULL, waiting integer NOT NULL, escalation integer NOT NULL, severity integer NOT NULL,
        reason text NOT NULL DEFAULT '', staff_id uuid, minutes integer[], policy_version integer NOT NULL DEFAULT 0,
        occur_time timestamptz NOT NULL, CONSTRAINT pk_case_entries PRIMARY KEY (case_id, sequence))
    """,
    """
    CREATE TABLE case_clocks (
        case_id uuid NOT NULL REFERENCES cases, kind integer NOT NULL, start_time timestamptz NOT NULL, target_minutes integer NOT NULL,
        due_time timestamptz, met_time timestamptz, breach_time timestamptz, paused boolean NOT NULL DEFAULT false,
        held_reason text NOT NULL DEFAULT '', calendar_version integer NOT NULL DEFAULT 0,
        CONSTRAINT pk_case_clocks PRIMARY KEY (case_id, kind))
    """,
    # What cases are found by stands apart: a case changes with every verb, its words hardly ever.
    """
    CREATE TABLE case_search (
        case_id uuid NOT NULL REFERENCES cases, search_text text NOT NULL, search_tokens text[] NOT NULL,
        CONSTRAINT pk_case_search PRIMARY KEY (case_id))
    """,
    "CREATE INDEX ix_case_search_text ON case_search USING gin (search_text gin_trgm_ops)",
    "CREATE INDEX ix_case_search_tokens ON case_search USING gin (search_tokens)",
]

THREADS = [
    """
    CREATE TABLE case_messages (
        message_id uuid NOT NULL, case_id uuid NOT NULL REFERENCES cases, author integer NOT NULL, staff_id uuid, text text NOT NULL,
        create_time timestamptz NOT NULL, CONSTRAINT pk_case_messages PRIMARY KEY (message_id))
    """,
    "CREATE INDEX ix_case_messages_case ON case_messages (case_id, create_time, message_id)",
    """
    CREATE TABLE case_notes (
        note_id uuid NOT NULL, case_id uuid NOT NULL REFERENCES cases, staff_id uuid, text text NOT NULL,
        create_time timestamptz NOT NULL, CONSTRAINT pk_case_notes PRIMARY KEY (note_id))
    """,
    "CREATE INDEX ix_case_notes_case ON case_notes (case_id, create_time, note_id)",
]

PROMISES = [
    """
    CREATE TABLE case_policies (
        version integer NOT NULL, document jsonb NOT NULL, actor text NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_case_policies PRIMARY KEY (version))
    """,
    # One hour, two and ten working days of eight hours; four hours and one day where somebody may be hurt. Of no law: what a maker may
    # begin with, and changes by a call.
    """
    INSERT INTO case_policies VALUES (1, '{"time_zone": "UTC", "week": {}, "lines": [
        {"minutes": [60, 960, 4800]},
        {"minutes": [15, 480, 2400], "severity": 4, "breach_escalates": true}]}', 'migration', now())
    """,
    """
    CREATE TABLE known_calendars (
        dealer_id uuid NOT NULL, version integer NOT NULL DEFAULT 0, time_zone text NOT NULL DEFAULT '',
        week jsonb NOT NULL DEFAULT '{}', holiday_country text NOT NULL DEFAULT '', exceptions jsonb NOT NULL DEFAULT '{}',
        stale_time timestamptz, fetch_time timestamptz, CONSTRAINT pk_known_calendars PRIMARY KEY (dealer_id))
    """,
    "CREATE INDEX ix_known_calendars_stale_time ON known_calendars (stale_time) WHERE stale_time IS NOT NULL",
]


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    for statement in (*CASES, *THREADS, *PROMISES):
        op.execute(statement)
