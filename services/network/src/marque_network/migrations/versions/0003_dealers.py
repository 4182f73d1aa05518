"""Capacity, status verbs and territories of dealers, the dealer as the maker's customer, scorecards, targets.

Expands only. The indexes of the table that is there come first: built without holding up writers, they commit, and
may be built again when the rest failed. A successor has no foreign key, whose check would hold up writers; dealers are
never deleted.
"""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0003"
down_revision = "0002"

_ROW = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"
_DEALER = "dealer_id uuid NOT NULL CONSTRAINT fk_{0}_dealer_id REFERENCES dealers"

PLACES = {
    f"ix_dealers_{name}": f"dealers ((address ->> '{name}'), code)" for name in ("country_code", "province", "city")
}
DEALERS = """
ALTER TABLE dealers ADD COLUMN loan_cars integer NOT NULL DEFAULT 0,
    ADD COLUMN service_cars_per_day integer NOT NULL DEFAULT 0, ADD COLUMN handovers_per_day integer NOT NULL DEFAULT 0,
    ADD COLUMN status_reason integer NOT NULL DEFAULT 0,
    ADD COLUMN successor_dealer_id uuid;
CREATE TABLE dealer_status_changes (
    dealer_id uuid NOT NULL CONSTRAINT fk_dealer_status_changes_dealer_id REFERENCES dealers, number integer NOT NULL,
    from_status integer NOT NULL, to_status integer NOT NULL, reason integer NOT NULL, note text NOT NULL,
    successor_dealer_id uuid, principal text NOT NULL, create_time timestamptz NOT NULL,
    PRIMARY KEY (dealer_id, number));
"""

# `codes` holds postal codes as numbers (rules.postcodes), so that the database itself keeps exclusive ones apart.
TERRITORIES = f"""
CREATE TABLE dealer_territories (
    territory_id uuid PRIMARY KEY, {_ROW}, {_DEALER.format("dealer_territories")},
    code text NOT NULL CONSTRAINT uq_dealer_territories_code UNIQUE, kind integer NOT NULL, brand text NOT NULL,
    exclusive boolean NOT NULL, country_code text NOT NULL, postcodes jsonb NOT NULL, polygons jsonb NOT NULL,
    end_time timestamptz);
CREATE INDEX ix_dealer_territories_dealer_id ON dealer_territories (dealer_id, code);
CREATE INDEX ix_dealer_territories_update_time ON dealer_territories (update_time, territory_id);
CREATE TABLE territory_postcodes (
    territory_id uuid NOT NULL CONSTRAINT fk_territory_postcodes_territory_id REFERENCES dealer_territories,
    dealer_id uuid NOT NULL, kind integer NOT NULL, brand text NOT NULL, exclusive boolean NOT NULL,
    country_code text NOT NULL, codes int8range NOT NULL,
    CONSTRAINT ex_territory_postcodes_exclusive EXCLUDE USING gist (country_code WITH =, kind WITH =, brand WITH =,
        codes WITH &&, dealer_id WITH <>) WHERE (exclusive));
CREATE INDEX ix_territory_postcodes_territory_id ON territory_postcodes (territory_id);
CREATE INDEX ix_territory_postcodes_codes ON territory_postcodes USING gist (country_code, codes);
CREATE TABLE territory_areas (
    territory_id uuid NOT NULL CONSTRAINT fk_territory_areas_territory_id REFERENCES dealer_territories,
    number integer NOT NULL, dealer_id uuid NOT NULL, kind integer NOT NULL, brand text NOT NULL,
    exclusive boolean NOT NULL, bounds box NOT NULL, rings jsonb NOT NULL, size double precision NOT NULL,
    PRIMARY KEY (territory_id, number));
CREATE INDEX ix_territory_areas_bounds ON territory_areas USING gist (bounds);
"""

PARTNERSHIP = f"""
CREATE TABLE dealer_admissions (
    dealer_id uuid PRIMARY KEY CONSTRAINT fk_dealer_admissions_dealer_id REFERENCES dealers, {_ROW}, means jsonb,
    satisfaction jsonb NOT NULL, loyalty jsonb, documents jsonb NOT NULL, note text NOT NULL,
    next_expiry_date date NOT NULL);
CREATE INDEX ix_dealer_admissions_next_expiry_date ON dealer_admissions (next_expiry_date, dealer_id);
CREATE INDEX ix_dealer_admissions_update_time ON dealer_admissions (update_time, dealer_id);
CREATE TABLE dealer_contacts (
    contact_id uuid PRIMARY KEY, {_ROW}, {_DEALER.format("dealer_contacts")}, family_name text NOT NULL,
    given_name text NOT NULL, full_name text NOT NULL, latin_name text NOT NULL, position text NOT NULL,
    topics text[] NOT NULL, phone text NOT NULL, email text NOT NULL,
    staff_id uuid CONSTRAINT fk_dealer_contacts_staff_id REFERENCES staff, is_primary boolean NOT NULL,
    former boolean NOT NULL);
CREATE UNIQUE INDEX uq_dealer_contacts_primary ON dealer_contacts (dealer_id) WHERE is_primary;
CREATE INDEX ix_dealer_contacts_dealer_id ON dealer_contacts (dealer_id, create_time, contact_id);
CREATE INDEX ix_dealer_contacts_create_time ON dealer_contacts (create_time, contact_id);
CREATE TABLE dealer_visits (
    visit_id uuid PRIMARY KEY, {_ROW}, {_DEALER.format("dealer_visits")}, kind integer NOT NULL, state integer NOT NULL,
    visitor_staff_ids uuid[] NOT NULL, contact_ids uuid[] NOT NULL, planned_time timestamptz NOT NULL,
    visit_time timestamptz, agenda jsonb NOT NULL, measures jsonb NOT NULL, summary text NOT NULL,
    cancel_reason text NOT NULL);
CREATE INDEX ix_dealer_visits_dealer_id ON dealer_visits (dealer_id, planned_time, visit_id);
CREATE INDEX ix_dealer_visits_planned_time ON dealer_visits (planned_time, visit_id);
CREATE INDEX ix_dealer_visits_visitors ON dealer_visits USING gin (visitor_staff_ids);
CREATE TABLE dealer_visit_actions (
    visit_id uuid NOT NULL CONSTRAINT fk_dealer_visit_actions_visit_id REFERENCES dealer_visits,
    number integer NOT NULL, dealer_id uuid NOT NULL, title text NOT NULL, owner_staff_id uuid, due_date date NOT NULL,
    done_time timestamptz, done_by text NOT NULL, PRIMARY KEY (visit_id, number));
CREATE INDEX ix_dealer_visit_actions_dealer_id ON dealer_visit_actions (dealer_id, due_date, visit_id, number);
CREATE INDEX ix_dealer_visit_actions_due_date ON dealer_visit_actions (due_date, visit_id, number);
CREATE INDEX ix_dealer_visit_actions_owner ON dealer_visit_actions (owner_staff_id, due_date, visit_id, number);
CREATE TABLE dealer_agreements (
    agreement_id uuid PRIMARY KEY, {_DEALER.format("dealer_agreements")}, kind integer NOT NULL,
    number text NOT NULL CONSTRAINT uq_dealer_agreements_number UNIQUE, changes bigint NOT NULL,
    create_time timestamptz NOT NULL);
CREATE TABLE dealer_agreement_versions (
    agreement_id uuid NOT NULL CONSTRAINT fk_dealer_agreement_versions_agreement_id REFERENCES dealer_agreements,
    revision integer NOT NULL, {_ROW}, dealer_id uuid NOT NULL, kind integer NOT NULL, number text NOT NULL,
    title text NOT NULL, state integer NOT NULL, valid_from_date date NOT NULL, valid_to_date date,
    notice_days integer NOT NULL, documents jsonb NOT NULL, signed_date date, signed_by_staff_id uuid,
    signed_by_contact_id uuid, terminated_date date, termination_reason text NOT NULL, end_date date NOT NULL,
    PRIMARY KEY (agreement_id, revision));
CREATE UNIQUE INDEX uq_dealer_agreement_versions_draft ON dealer_agreement_versions (agreement_id) WHERE state = 1;
CREATE UNIQUE INDEX uq_dealer_agreement_versions_signed ON dealer_agreement_versions (agreement_id) WHERE state = 2;
CREATE INDEX ix_dealer_agreement_versions_dealer_end
    ON dealer_agreement_versions (dealer_id, end_date, agreement_id, revision);
CREATE INDEX ix_dealer_agreement_versions_end ON dealer_agreement_versions (end_date, agreement_id, revision);
CREATE INDEX ix_dealer_agreement_versions_dealer_create
    ON dealer_agreement_versions (dealer_id, create_time, agreement_id, revision);
CREATE INDEX ix_dealer_agreement_versions_create ON dealer_agreement_versions (create_time, agreement_id, revision);
"""

SCORES = f"""
CREATE TABLE kpis (
    kpi_code text PRIMARY KEY, {_ROW}, names jsonb NOT NULL, unit integer NOT NULL, lower_is_better boolean NOT NULL,
    summary integer NOT NULL);
CREATE TABLE scorecard_models (
    year integer PRIMARY KEY, {_ROW}, items jsonb NOT NULL, needed_coverage double precision NOT NULL);
CREATE TABLE kpi_values (
    {_DEALER.format("kpi_values")}, kpi_code text NOT NULL CONSTRAINT fk_kpi_values_kpi_code REFERENCES kpis,
    year integer NOT NULL, quarter integer NOT NULL, month integer NOT NULL, value double precision NOT NULL,
    source text NOT NULL, update_time timestamptz NOT NULL, PRIMARY KEY (dealer_id, year, kpi_code, quarter, month));
CREATE INDEX ix_kpi_values_update_time ON kpi_values (update_time, dealer_id, kpi_code, year, quarter, month);
CREATE INDEX ix_kpi_values_dealer_id_update_time
    ON kpi_values (dealer_id, update_time, kpi_code, year, quarter, month);
CREATE INDEX ix_kpi_values_year ON kpi_values (year, kpi_code, dealer_id);
"""

TARGETS = f"""
CREATE TABLE targets (
    target_id uuid PRIMARY KEY, {_ROW}, {_DEALER.format("targets")},
    staff_id uuid CONSTRAINT fk_targets_staff_id REFERENCES staff, measure text NOT NULL, year integer NOT NULL,
    quarter integer NOT NULL, month integer NOT NULL, value numeric(19, 4) NOT NULL, currency_code text NOT NULL,
    revision integer NOT NULL, state integer NOT NULL, proposed_by text NOT NULL, proposed_by_dealer boolean NOT NULL,
    agreed_by text NOT NULL, agree_time timestamptz);
CREATE UNIQUE INDEX uq_targets_revision
    ON targets (dealer_id, staff_id, measure, year, quarter, month, revision) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX uq_targets_proposed
    ON targets (dealer_id, staff_id, measure, year, quarter, month) NULLS NOT DISTINCT WHERE state = 1;
CREATE UNIQUE INDEX uq_targets_agreed
    ON targets (dealer_id, staff_id, measure, year, quarter, month) NULLS NOT DISTINCT WHERE state = 2;
CREATE INDEX ix_targets_update_time ON targets (update_time, target_id);
CREATE INDEX ix_targets_dealer_id_update_time ON targets (dealer_id, update_time, target_id);
CREATE INDEX ix_targets_measure ON targets (measure, target_id);
CREATE INDEX ix_targets_dealer_id_measure ON targets (dealer_id, measure, target_id);
CREATE INDEX ix_targets_staff_id ON targets (staff_id, update_time, target_id);
"""


def upgrade() -> None:
    """Builds the indexes, then creates the tables and columns."""
    build_indexes(PLACES)
    for script in (DEALERS, TERRITORIES, PARTNERSHIP, SCORES, TARGETS):
        for statement in script.split(";\n"):
            if statement.strip():
                op.execute(statement)
