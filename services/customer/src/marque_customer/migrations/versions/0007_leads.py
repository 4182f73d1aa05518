"""Leads with their history, promises and intake, the rules that grade them, dealers' hours, and tasks."""

import json

from alembic import op
from servicekit.db.tables import statements

revision = "0007"
down_revision = "0006"

TABLES = """
CREATE TABLE lead_rules (
    version integer PRIMARY KEY, rules jsonb NOT NULL, create_time timestamptz NOT NULL DEFAULT now(), principal text NOT NULL);
CREATE TABLE known_calendars (
    dealer_id uuid PRIMARY KEY, version integer NOT NULL DEFAULT 0, time_zone text NOT NULL DEFAULT '',
    week jsonb NOT NULL DEFAULT '{}', holiday_country text NOT NULL DEFAULT '', exceptions jsonb NOT NULL DEFAULT '{}',
    fetch_time timestamptz, stale_time timestamptz);
CREATE INDEX ix_known_calendars_stale_time ON known_calendars (stale_time) WHERE stale_time IS NOT NULL;
CREATE TABLE leads (
    lead_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    customer_id uuid NOT NULL CONSTRAINT fk_leads_customer_id REFERENCES customers, group_id uuid NOT NULL, wish_key text NOT NULL,
    dealer_id uuid, adviser_staff_id uuid, stage smallint NOT NULL, stage_before smallint NOT NULL DEFAULT 0,
    source smallint NOT NULL, source_detail text NOT NULL DEFAULT '', interest jsonb NOT NULL DEFAULT '{}',
    timeframe_days integer, budget_currency text NOT NULL DEFAULT '', budget_minor bigint, comments text NOT NULL DEFAULT '',
    place jsonb NOT NULL DEFAULT '{}', grade text NOT NULL DEFAULT '', grade_reasons jsonb NOT NULL DEFAULT '[]',
    need_points smallint NOT NULL DEFAULT 0, confidence_points smallint NOT NULL DEFAULT 0, means_points smallint NOT NULL DEFAULT 0,
    rules_version integer NOT NULL DEFAULT 0, routing_reasons jsonb NOT NULL DEFAULT '[]', held_reason text NOT NULL DEFAULT '',
    route_time timestamptz, route_round integer NOT NULL DEFAULT 0, passed_dealers uuid[] NOT NULL DEFAULT '{}',
    assign_time timestamptz, respond_due_time timestamptz, remind_time timestamptz, calendar_version integer NOT NULL DEFAULT 0,
    next_due_time timestamptz, first_contact_time timestamptz, last_contact_time timestamptz, manager_contact_time timestamptz,
    contact_count integer NOT NULL DEFAULT 0, lapse_count integer NOT NULL DEFAULT 0, loss_reason smallint NOT NULL DEFAULT 0,
    competitor text NOT NULL DEFAULT '', loss_note text NOT NULL DEFAULT '', loss_by text NOT NULL DEFAULT '',
    close_time timestamptz, won_sale_id text NOT NULL DEFAULT '', traceparent text, assignment_id uuid,
    change_count bigint NOT NULL DEFAULT 0);
CREATE INDEX ix_leads_create_time ON leads (create_time, lead_id);
CREATE INDEX ix_leads_next_due_time ON leads (next_due_time, lead_id) WHERE next_due_time IS NOT NULL;
CREATE INDEX ix_leads_dealer_create_time ON leads (dealer_id, create_time, lead_id);
CREATE INDEX ix_leads_dealer_next_due_time ON leads (dealer_id, next_due_time, lead_id) WHERE next_due_time IS NOT NULL;
CREATE INDEX ix_leads_adviser_staff_id ON leads (adviser_staff_id, create_time, lead_id) WHERE adviser_staff_id IS NOT NULL;
CREATE INDEX ix_leads_customer_id ON leads (customer_id, create_time, lead_id);
CREATE INDEX ix_leads_group_id ON leads (group_id);
CREATE INDEX ix_leads_route_time ON leads (route_time) WHERE route_time IS NOT NULL;
CREATE INDEX ix_leads_ended ON leads (close_time) WHERE assignment_id IS NOT NULL AND close_time IS NOT NULL;
CREATE INDEX ix_leads_clock ON leads (dealer_id) WHERE stage = 2;
CREATE UNIQUE INDEX uq_leads_open_wish ON leads (customer_id, dealer_id, wish_key) NULLS NOT DISTINCT
    WHERE stage NOT IN (7, 8);
CREATE TABLE lead_changes (
    lead_id uuid NOT NULL CONSTRAINT fk_lead_changes_lead_id REFERENCES leads, sequence bigint NOT NULL, customer_id uuid NOT NULL,
    kind text NOT NULL, from_stage smallint NOT NULL DEFAULT 0, stage smallint NOT NULL, dealer_id uuid, staff_id uuid,
    reason text NOT NULL DEFAULT '', create_time timestamptz NOT NULL, CONSTRAINT pk_lead_changes PRIMARY KEY (lead_id, sequence));
CREATE INDEX ix_lead_changes_customer_id ON lead_changes (customer_id);
CREATE TABLE lead_promises (
    promise_id uuid PRIMARY KEY, lead_id uuid NOT NULL CONSTRAINT fk_lead_promises_lead_id REFERENCES leads,
    customer_id uuid NOT NULL, kind smallint NOT NULL, text text NOT NULL, currency text NOT NULL DEFAULT '', minor bigint,
    due_time timestamptz, staff_id uuid, state smallint NOT NULL DEFAULT 1, create_time timestamptz NOT NULL,
    settle_time timestamptz);
CREATE INDEX ix_lead_promises_lead_id ON lead_promises (lead_id, create_time, promise_id);
CREATE INDEX ix_lead_promises_customer_id ON lead_promises (customer_id);
CREATE TABLE lead_intakes (
    intake_id uuid PRIMARY KEY, sender text NOT NULL, sender_key text NOT NULL, raw text NOT NULL, outcome smallint NOT NULL,
    customer_id uuid, lead_id uuid, problems jsonb NOT NULL DEFAULT '[]', content_hash text NOT NULL DEFAULT '',
    create_time timestamptz NOT NULL, CONSTRAINT uq_lead_intakes_sender_key UNIQUE (sender, sender_key));
CREATE INDEX ix_lead_intakes_customer_id ON lead_intakes (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_lead_intakes_lead_id ON lead_intakes (lead_id) WHERE lead_id IS NOT NULL;
CREATE TABLE tasks (
    task_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    kind smallint NOT NULL, title text NOT NULL, customer_id uuid, lead_id uuid, dealer_id uuid, staff_id uuid,
    due_time timestamptz NOT NULL, state smallint NOT NULL DEFAULT 1, outcome text NOT NULL DEFAULT '', end_time timestamptz);
CREATE INDEX ix_tasks_due_time ON tasks (due_time, task_id);
CREATE INDEX ix_tasks_dealer_id ON tasks (dealer_id, due_time, task_id);
CREATE INDEX ix_tasks_staff_id ON tasks (staff_id, due_time, task_id) WHERE staff_id IS NOT NULL;
CREATE INDEX ix_tasks_customer_id ON tasks (customer_id, due_time, task_id) WHERE customer_id IS NOT NULL;
CREATE INDEX ix_tasks_lead_id ON tasks (lead_id) WHERE lead_id IS NOT NULL
"""


def _rule(
    code: str, factor: str, signal: str, points: int, at_least: float | None = 1, at_most: float | None = None
) -> dict:
    found = {"code": code, "factor": f"LEAD_FACTOR_{factor}", "signal": signal, "points": points}
    bounds = {"at_least": at_least, "at_most": at_most}
    return found | {name: value for name, value in bounds.items() if value is not None}


FIRST_RULES = {
    "grade_rules": [
        _rule("TIMEFRAME_WEEK", "NEED", "timeframe_days", 50, None, 7),
        _rule("TIMEFRAME_MONTH", "NEED", "timeframe_days", 35, 8, 31),
        _rule("TIMEFRAME_QUARTER", "NEED", "timeframe_days", 20, 32, 92),
        _rule("TEST_DRIVE_WANTED", "NEED", "test_drive", 30),
        _rule("MODEL_CHOSEN", "NEED", "model", 15),
        _rule("CAR_CHOSEN", "NEED", "vin", 20),
        _rule("PHONE_GIVEN", "CONFIDENCE", "phone", 30),
        _rule("PHONE_VERIFIED", "CONFIDENCE", "verified", 20),
        _rule("EMAIL_GIVEN", "CONFIDENCE", "email", 10),
        _rule("NAME_GIVEN", "CONFIDENCE", "name", 10),
        _rule("WORDS_WRITTEN", "CONFIDENCE", "comment_length", 10, 20),
        _rule("WALKED_IN", "CONFIDENCE", "source", 20, 3, 3),
        _rule("RECOMMENDED", "CONFIDENCE", "source", 20, 6, 6),
        _rule("OWNER_ALREADY", "CONFIDENCE", "owner", 20),
        _rule("BUDGET_GIVEN", "MEANS", "budget", 30),
        _rule("TRADE_IN_GIVEN", "MEANS", "trade_in", 20),
        _rule("LEASE_WANTED", "MEANS", "lease", 20),
    ],
    "bands": [
        {"grade": "H", "min_points": 120, "response_minutes": 30, "contact_every_days": 2},
        {"grade": "A", "min_points": 80, "response_minutes": 60, "contact_every_days": 4},
        {"grade": "B", "min_points": 45, "response_minutes": 120, "contact_every_days": 7},
        {"grade": "C", "min_points": 0, "response_minutes": 480, "contact_every_days": 15},
    ],
    "remind_share": 0.5, "max_recycles": 3, "recycle_after_minutes": 60, "max_open_leads": 500, "recall_share": 0.1,
}  # fmt: skip


def upgrade() -> None:
    """Creates the tables, and the first version of the rules: a custom of the trade, to be calibrated against its outcomes."""
    for statement in statements(TABLES):
        op.execute(statement)
    # The text holds no quotation mark of SQL, and no colon that a name follows: it is a literal as it stands.
    op.execute(f"INSERT INTO lead_rules (version, rules, principal) VALUES (1, '{json.dumps(FIRST_RULES)}', 'system')")  # noqa: S608
