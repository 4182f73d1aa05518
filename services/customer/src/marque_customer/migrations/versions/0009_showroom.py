"""The showroom: demo fleets and test drives, quotes with their versions and limits, re-calls of lost leads, fleet deals, referrals, and
who is called back.
"""

import json

from alembic import op
from servicekit.db.tables import statements

revision = "0009"
down_revision = "0008"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"
SUMS = """currency text NOT NULL, list_minor bigint NOT NULL, discount_minor bigint NOT NULL, trade_in_minor bigint NOT NULL,
    total_minor bigint NOT NULL, financed_minor bigint NOT NULL, lines jsonb NOT NULL"""

TABLES = f"""
CREATE TABLE demo_cars (
    demo_car_id uuid PRIMARY KEY, {AGGREGATE}, dealer_id uuid NOT NULL, vin varchar(17) NOT NULL, brand text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '', trim text NOT NULL DEFAULT '', active boolean NOT NULL DEFAULT true);
CREATE UNIQUE INDEX uq_demo_cars_vin ON demo_cars (vin) WHERE active;
CREATE INDEX ix_demo_cars_vin ON demo_cars (vin, demo_car_id);
CREATE INDEX ix_demo_cars_dealer_vin ON demo_cars (dealer_id, vin, demo_car_id);
CREATE TABLE test_drives (
    test_drive_id uuid PRIMARY KEY, {AGGREGATE}, lead_id uuid NOT NULL CONSTRAINT fk_test_drives_lead_id REFERENCES leads,
    customer_id uuid NOT NULL, dealer_id uuid NOT NULL,
    demo_car_id uuid NOT NULL CONSTRAINT fk_test_drives_demo_car_id REFERENCES demo_cars, vin varchar(17) NOT NULL,
    adviser_staff_id uuid, state smallint NOT NULL, start_time timestamptz NOT NULL, end_time timestamptz NOT NULL,
    calendar_version integer NOT NULL, moves integer NOT NULL DEFAULT 0, licence_check_time timestamptz, licence_check_staff_id uuid,
    outcome smallint NOT NULL DEFAULT 0, note text NOT NULL DEFAULT '',
    CONSTRAINT ck_test_drives_span CHECK (end_time > start_time),
    CONSTRAINT ex_test_drives_car EXCLUDE USING gist (
        demo_car_id WITH =, tstzrange(start_time, end_time) WITH &&) WHERE (state IN (1, 2, 3)));
CREATE INDEX ix_test_drives_start_time ON test_drives (start_time, test_drive_id);
CREATE INDEX ix_test_drives_dealer_start_time ON test_drives (dealer_id, start_time, test_drive_id);
CREATE INDEX ix_test_drives_customer_id ON test_drives (customer_id, start_time, test_drive_id);
CREATE INDEX ix_test_drives_lead_id ON test_drives (lead_id);
CREATE INDEX ix_test_drives_car ON test_drives (demo_car_id, start_time, test_drive_id);
CREATE TABLE quote_rules (
    version integer PRIMARY KEY, rules jsonb NOT NULL, create_time timestamptz NOT NULL DEFAULT now(), principal text NOT NULL);
CREATE TABLE quotes (
    quote_id uuid PRIMARY KEY, {AGGREGATE}, lead_id uuid NOT NULL CONSTRAINT fk_quotes_lead_id REFERENCES leads,
    customer_id uuid NOT NULL, dealer_id uuid NOT NULL, adviser_staff_id uuid, number integer NOT NULL DEFAULT 1,
    state smallint NOT NULL, {SUMS}, car_key text NOT NULL, valid_until_time timestamptz NOT NULL,
    discount_basis_points integer NOT NULL, rules_version integer NOT NULL,
    allowed_basis_points integer NOT NULL, needs_approval boolean NOT NULL,
    ask_by text NOT NULL DEFAULT '', ask_staff_id uuid, ask_time timestamptz, ask_reason text NOT NULL DEFAULT '',
    ask_task_id uuid,
    decide_by text NOT NULL DEFAULT '', decide_staff_id uuid, decide_time timestamptz, decide_reason text NOT NULL DEFAULT '',
    send_time timestamptz, close_time timestamptz, close_reason text NOT NULL DEFAULT '');
CREATE INDEX ix_quotes_create_time ON quotes (create_time, quote_id);
CREATE INDEX ix_quotes_dealer_create_time ON quotes (dealer_id, create_time, quote_id);
CREATE INDEX ix_quotes_customer_id ON quotes (customer_id, create_time, quote_id);
CREATE INDEX ix_quotes_lead_id ON quotes (lead_id, create_time, quote_id);
CREATE INDEX ix_quotes_dealer_car ON quotes (dealer_id, car_key, create_time) WHERE send_time IS NOT NULL;
CREATE TABLE quote_versions (
    quote_id uuid NOT NULL CONSTRAINT fk_quote_versions_quote_id REFERENCES quotes, number integer NOT NULL, customer_id uuid NOT NULL,
    state smallint NOT NULL, {SUMS}, valid_until_time timestamptz NOT NULL, adviser_staff_id uuid, create_time timestamptz NOT NULL,
    CONSTRAINT pk_quote_versions PRIMARY KEY (quote_id, number));
CREATE INDEX ix_quote_versions_customer_id ON quote_versions (customer_id);
CREATE TABLE lead_recalls (
    lead_id uuid PRIMARY KEY CONSTRAINT fk_lead_recalls_lead_id REFERENCES leads, customer_id uuid NOT NULL, dealer_id uuid,
    stated_reason smallint NOT NULL, reached boolean NOT NULL, agrees boolean NOT NULL, loss_reason smallint NOT NULL,
    reopened boolean NOT NULL, note text NOT NULL DEFAULT '', staff_id uuid, create_time timestamptz NOT NULL);
CREATE INDEX ix_lead_recalls_create_time ON lead_recalls (create_time, lead_id);
CREATE INDEX ix_lead_recalls_dealer_create_time ON lead_recalls (dealer_id, create_time, lead_id);
CREATE INDEX ix_lead_recalls_customer_id ON lead_recalls (customer_id);
CREATE TABLE fleet_deals (
    fleet_deal_id uuid PRIMARY KEY, {AGGREGATE}, customer_id uuid NOT NULL, title text NOT NULL);
CREATE INDEX ix_fleet_deals_create_time ON fleet_deals (create_time, fleet_deal_id);
CREATE INDEX ix_fleet_deals_customer_id ON fleet_deals (customer_id, create_time, fleet_deal_id);
CREATE TABLE fleet_deal_parts (
    fleet_deal_part_id uuid PRIMARY KEY, {AGGREGATE},
    fleet_deal_id uuid NOT NULL CONSTRAINT fk_fleet_deal_parts_fleet_deal_id REFERENCES fleet_deals, customer_id uuid NOT NULL,
    dealer_id uuid NOT NULL, deal_create_time timestamptz NOT NULL, brand text NOT NULL DEFAULT '', model text NOT NULL,
    quantity integer NOT NULL, state smallint NOT NULL, won_quantity integer NOT NULL DEFAULT 0, loss_reason smallint NOT NULL DEFAULT 0,
    competitor text NOT NULL DEFAULT '', note text NOT NULL DEFAULT '', close_time timestamptz);
CREATE INDEX ix_fleet_deal_parts_deal ON fleet_deal_parts (fleet_deal_id, create_time, fleet_deal_part_id);
CREATE INDEX ix_fleet_deal_parts_dealer ON fleet_deal_parts (dealer_id, deal_create_time, fleet_deal_id);
CREATE INDEX ix_fleet_deal_parts_customer_id ON fleet_deal_parts (customer_id);
CREATE TABLE referrals (
    referral_id uuid PRIMARY KEY, {AGGREGATE}, lead_id uuid NOT NULL CONSTRAINT fk_referrals_lead_id REFERENCES leads,
    customer_id uuid NOT NULL, referrer_customer_id uuid NOT NULL, dealer_id uuid, state smallint NOT NULL,
    win_time timestamptz, credit_time timestamptz, CONSTRAINT uq_referrals_lead_id UNIQUE (lead_id));
CREATE INDEX ix_referrals_create_time ON referrals (create_time, referral_id);
CREATE INDEX ix_referrals_dealer_create_time ON referrals (dealer_id, create_time, referral_id);
CREATE INDEX ix_referrals_customer_id ON referrals (customer_id, create_time, referral_id);
CREATE INDEX ix_referrals_referrer ON referrals (referrer_customer_id, create_time, referral_id);
CREATE TABLE call_backs (
    task_id uuid PRIMARY KEY CONSTRAINT fk_call_backs_task_id REFERENCES tasks ON DELETE CASCADE,
    call_id uuid NOT NULL CONSTRAINT uq_call_backs_call_id UNIQUE, number text NOT NULL, dealer_id uuid, customer_id uuid,
    assign_time timestamptz, assignment_id uuid, create_time timestamptz NOT NULL);
CREATE INDEX ix_call_backs_number ON call_backs (number);
CREATE INDEX ix_call_backs_assign_time ON call_backs (assign_time) WHERE assign_time IS NOT NULL;
CREATE INDEX ix_call_backs_customer_id ON call_backs (customer_id) WHERE customer_id IS NOT NULL
"""

FIRST_LIMITS = {
    "limits": [
        {"role": "dealer.sales", "basis_points": 300},
        {"role": "dealer.system", "basis_points": 300},
        {"role": "dealer.manager", "basis_points": 800},
        {"role": "oem.keyaccount", "basis_points": 1500},
        {"role": "oem.manager", "basis_points": 2500},
    ],
}


def upgrade() -> None:
    """Creates the tables, and the first limits: a custom of the trade, to be set by who answers for the margin."""
    for statement in statements(TABLES):
        op.execute(statement)
    limits = json.dumps(FIRST_LIMITS)
    op.execute(f"INSERT INTO quote_rules (version, rules, principal) VALUES (1, '{limits}', 'system')")  # noqa: S608
