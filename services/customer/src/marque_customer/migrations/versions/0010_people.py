"""Where customers stand and what they are worth, what is known of their purchases and visits, ties between customers, and holdings."""

import json

from alembic import op
from servicekit.db.migrate import backfill, build_indexes
from servicekit.db.tables import statements

revision = "0010"
down_revision = "0009"

COLUMNS = """
ALTER TABLE customers ADD COLUMN IF NOT EXISTS stage smallint NOT NULL DEFAULT 1, ADD COLUMN IF NOT EXISTS tier text NOT NULL DEFAULT '';
ALTER TABLE dealer_customers ADD COLUMN IF NOT EXISTS stage smallint NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS tier text NOT NULL DEFAULT ''
"""
TABLES = """
CREATE TABLE IF NOT EXISTS lifecycle_rules (
    version integer PRIMARY KEY, effective_time timestamptz NOT NULL, rules jsonb NOT NULL, create_time timestamptz NOT NULL,
    principal text NOT NULL);
CREATE TABLE IF NOT EXISTS customer_values (
    customer_id uuid PRIMARY KEY, stage_start_time timestamptz, stage_reason jsonb NOT NULL DEFAULT '{}',
    tier_reasons jsonb NOT NULL DEFAULT '[]', last_activity_time timestamptz, visits integer NOT NULL DEFAULT 0,
    cars integer NOT NULL DEFAULT 0, spend_minor bigint NOT NULL DEFAULT 0, currency text NOT NULL DEFAULT '',
    rules_version integer NOT NULL DEFAULT 0, next_time timestamptz);
CREATE INDEX IF NOT EXISTS ix_customer_values_next_time ON customer_values (next_time) WHERE next_time IS NOT NULL;
CREATE TABLE IF NOT EXISTS lifecycle_changes (
    change_id uuid PRIMARY KEY, customer_id uuid NOT NULL, sequence bigint NOT NULL, from_stage smallint NOT NULL, stage smallint NOT NULL,
    from_tier text NOT NULL, tier text NOT NULL, stage_reason jsonb NOT NULL, tier_reasons jsonb NOT NULL, start_time timestamptz,
    create_time timestamptz NOT NULL, rules_version integer NOT NULL,
    CONSTRAINT uq_lifecycle_changes_customer_id UNIQUE (customer_id, sequence));
CREATE INDEX IF NOT EXISTS ix_lifecycle_changes_customer_id ON lifecycle_changes (customer_id, create_time, change_id);
CREATE TABLE IF NOT EXISTS known_sales (
    sale_id uuid PRIMARY KEY, customer_id uuid NOT NULL, vin text NOT NULL, dealer_id uuid NOT NULL, occur_time timestamptz,
    standing boolean NOT NULL, version bigint NOT NULL);
CREATE INDEX IF NOT EXISTS ix_known_sales_customer_id ON known_sales (customer_id);
CREATE TABLE IF NOT EXISTS known_visits (
    repair_order_id uuid PRIMARY KEY, customer_id uuid NOT NULL, vin text NOT NULL, dealer_id uuid NOT NULL, occur_time timestamptz,
    standing boolean NOT NULL, version bigint NOT NULL);
CREATE INDEX IF NOT EXISTS ix_known_visits_customer_id ON known_visits (customer_id);
CREATE TABLE IF NOT EXISTS spend_entries (
    kind smallint NOT NULL, reference_id uuid NOT NULL, customer_id uuid NOT NULL, currency text NOT NULL DEFAULT '',
    minor bigint NOT NULL DEFAULT 0, ask_time timestamptz, CONSTRAINT pk_spend_entries PRIMARY KEY (kind, reference_id));
CREATE INDEX IF NOT EXISTS ix_spend_entries_customer_id ON spend_entries (customer_id);
CREATE INDEX IF NOT EXISTS ix_spend_entries_ask_time ON spend_entries (ask_time) WHERE ask_time IS NOT NULL;
CREATE TABLE IF NOT EXISTS customer_ties (
    tie_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    kind smallint NOT NULL, customer_id uuid NOT NULL CONSTRAINT fk_customer_ties_customer_id REFERENCES customers,
    other_customer_id uuid NOT NULL CONSTRAINT fk_customer_ties_other_customer_id REFERENCES customers,
    role smallint NOT NULL DEFAULT 0, title text NOT NULL DEFAULT '', is_primary boolean NOT NULL DEFAULT false,
    source text NOT NULL DEFAULT '', end_time timestamptz, end_reason text NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS ix_customer_ties_customer_id ON customer_ties (customer_id, create_time, tie_id);
CREATE INDEX IF NOT EXISTS ix_customer_ties_other_customer_id ON customer_ties (other_customer_id, create_time, tie_id);
CREATE TABLE IF NOT EXISTS organisation_profiles (
    customer_id uuid PRIMARY KEY CONSTRAINT fk_organisation_profiles_customer_id REFERENCES customers, version bigint NOT NULL,
    create_time timestamptz NOT NULL, update_time timestamptz NOT NULL, employees integer, fleet_size integer,
    registration_number text NOT NULL DEFAULT '', source text NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS holdings (
    holding_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    customer_id uuid NOT NULL CONSTRAINT fk_holdings_customer_id REFERENCES customers, dealer_id uuid, kind smallint NOT NULL,
    state smallint NOT NULL DEFAULT 1, provider text NOT NULL DEFAULT '', product text NOT NULL DEFAULT '', number text NOT NULL DEFAULT '',
    vin text NOT NULL DEFAULT '', currency text NOT NULL DEFAULT '', minor bigint, start_date date, end_date date, renewal_date date,
    renewals integer NOT NULL DEFAULT 0, close_time timestamptz, close_reason text NOT NULL DEFAULT '', source text NOT NULL DEFAULT '',
    source_key text NOT NULL DEFAULT '', owner_id uuid, content_hash text NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS ix_holdings_customer_id ON holdings (customer_id, create_time, holding_id);
CREATE INDEX IF NOT EXISTS ix_holdings_dealer_renewal_date ON holdings (dealer_id, renewal_date, holding_id)
    WHERE state = 1 AND renewal_date IS NOT NULL;
CREATE INDEX IF NOT EXISTS ix_holdings_renewal_date ON holdings (renewal_date, holding_id) WHERE state = 1 AND renewal_date IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS uq_holdings_source_key ON holdings (source, owner_id, source_key) WHERE source_key <> ''
"""
# A dealer's list shows the stage that the customer has, by whatever path the row comes: look-up, sale, merge, import.
FUNCTION = """
CREATE OR REPLACE FUNCTION repeat_stage() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
    SELECT stage, tier INTO NEW.stage, NEW.tier FROM customers WHERE customer_id = NEW.customer_id;
    RETURN NEW;
END $$
"""
INDEXES = {
    "ix_customers_stage": "customers (stage, update_time, customer_id)",
    "ix_customers_tier": "customers (tier, update_time, customer_id)",
    "ix_dealer_customers_stage": "dealer_customers (dealer_id, stage, update_time, customer_id)",
    "ix_dealer_customers_tier": "dealer_customers (dealer_id, tier, update_time, customer_id)",
}
# Of no law: customs of the trade to begin with (a car comes once a year; the churn of 12 and 24 months), which managers change by
# PutLifecycleRules.
FIRST_RULES = {
    "at_risk_after_days": 365,
    "lost_after_days": 730,
    "lost_without_car_days": 180,
    "won_back_days": 180,
    "visits_window_days": 365,
    "spend_window_days": 1095,
    "currency_code": "CNY",
    "tiers": [
        {"tier": "PLATINUM", "min_spend": "600000"},
        {"tier": "GOLD", "min_spend": "300000"},
        {"tier": "SILVER", "min_spend": "100000"},
        {"tier": "MEMBER", "min_cars": 1},
    ],
    "next_actions": [
        {"code": "KEEP_PROMISE", "signal": "promises_due", "at_least": 1},
        {"code": "DO_TASK", "signal": "tasks_overdue", "at_least": 1},
        {"code": "WIN_BACK", "signal": "lost", "at_least": 1},
        {"code": "ASK_WHY_AWAY", "signal": "at_risk", "at_least": 1},
        {"code": "RENEW_HOLDING", "signal": "renewals_due", "at_least": 1},
        {"code": "FOLLOW_LEAD", "signal": "leads_open", "at_least": 1},
        {"code": "WELCOME_BACK", "signal": "won_back", "at_least": 1},
        {"code": "ASK_CONSENT", "signal": "marketing_consent_missing", "at_least": 1},
    ],
}


def upgrade() -> None:
    """Creates the tables and the first rules. Who has a car is judged an hour later: time to republish the vehicle service's sales and
    repair orders, without which they are judged by their cars alone.
    """
    for statement in (*statements(COLUMNS), *statements(TABLES)):
        op.execute(statement)
    op.execute(FUNCTION)
    op.execute(
        "CREATE OR REPLACE TRIGGER repeat_stage BEFORE INSERT ON dealer_customers"
        " FOR EACH ROW EXECUTE FUNCTION repeat_stage()"
    )
    # The text holds no quotation mark of SQL, and no colon that a name follows: it is a literal as it stands.
    op.execute(
        "INSERT INTO lifecycle_rules (version, effective_time, rules, create_time, principal)"  # noqa: S608
        f" VALUES (1, '2000-01-01T00:00:00Z', '{json.dumps(FIRST_RULES)}', now(), 'system') ON CONFLICT DO NOTHING"
    )
    build_indexes(INDEXES)
    backfill(
        "INSERT INTO customer_values (customer_id, next_time) SELECT DISTINCT k.customer_id, now() + interval '1 hour'"
        " FROM known_cars k JOIN customers c ON c.customer_id = k.customer_id AND c.status <> 3"
        " WHERE NOT k.voided AND NOT EXISTS (SELECT FROM customer_values v WHERE v.customer_id = k.customer_id) LIMIT 1000"
    )
