"""The platform's tables, dealers, work calendars and staff."""

from alembic import op
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None

DEALERS = """
CREATE TABLE dealers (
    dealer_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    code text NOT NULL CONSTRAINT uq_dealers_code UNIQUE, names jsonb NOT NULL, kinds integer[] NOT NULL,
    channel_type integer NOT NULL DEFAULT 0, group_code text NOT NULL DEFAULT '', region_code text NOT NULL DEFAULT '',
    brands text[] NOT NULL DEFAULT '{}', address jsonb, phone text NOT NULL DEFAULT '', email text NOT NULL DEFAULT '',
    latitude double precision, longitude double precision, time_zone text NOT NULL, status integer NOT NULL,
    open_date date, close_date date, service_bays integer NOT NULL DEFAULT 0, search_text text NOT NULL,
    search_tokens text[] NOT NULL, CONSTRAINT ck_dealers_place CHECK ((latitude IS NULL) = (longitude IS NULL)));
CREATE INDEX ix_dealers_update_time ON dealers (update_time, dealer_id);
CREATE INDEX ix_dealers_region_code ON dealers (region_code, code);
CREATE INDEX ix_dealers_group_code ON dealers (group_code, code);
CREATE INDEX ix_dealers_status ON dealers (status, code);
CREATE INDEX ix_dealers_brands ON dealers USING gin (brands);
CREATE INDEX ix_dealers_place ON dealers (latitude, longitude) WHERE status = 2 AND latitude IS NOT NULL;
CREATE INDEX ix_dealers_search_text ON dealers USING gin (search_text gin_trgm_ops);
CREATE INDEX ix_dealers_search_tokens ON dealers USING gin (search_tokens);
"""

CALENDARS = """
CREATE TABLE work_calendars (
    dealer_id uuid NOT NULL CONSTRAINT fk_work_calendars_dealer_id REFERENCES dealers, department text NOT NULL,
    version integer NOT NULL, change_number bigint NOT NULL, time_zone text NOT NULL, week jsonb NOT NULL,
    holiday_country text NOT NULL, exceptions jsonb NOT NULL, create_time timestamptz NOT NULL,
    PRIMARY KEY (dealer_id, department, version),
    CONSTRAINT uq_work_calendars_change_number UNIQUE (dealer_id, change_number));
"""

STAFF = """
CREATE TABLE staff (
    staff_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    subject text NOT NULL DEFAULT '', employee_number text NOT NULL,
    dealer_id uuid CONSTRAINT fk_staff_dealer_id REFERENCES dealers, region_code text NOT NULL DEFAULT '',
    group_code text NOT NULL DEFAULT '', family_name text NOT NULL DEFAULT '', given_name text NOT NULL DEFAULT '',
    full_name text NOT NULL, latin_name text NOT NULL DEFAULT '', phone text NOT NULL DEFAULT '',
    email text NOT NULL DEFAULT '', roles text[] NOT NULL, languages text[] NOT NULL DEFAULT '{}',
    status integer NOT NULL,
    manager_staff_id uuid CONSTRAINT fk_staff_manager_staff_id REFERENCES staff DEFERRABLE INITIALLY DEFERRED,
    search_text text NOT NULL, search_tokens text[] NOT NULL,
    CONSTRAINT uq_staff_dealer_id UNIQUE NULLS NOT DISTINCT (dealer_id, employee_number));
CREATE UNIQUE INDEX uq_staff_subject ON staff (subject) WHERE subject <> '';
CREATE INDEX ix_staff_employee_number ON staff (employee_number, staff_id);
CREATE INDEX ix_staff_update_time ON staff (update_time, staff_id);
CREATE INDEX ix_staff_dealer_id_number ON staff (dealer_id, employee_number, staff_id);
CREATE INDEX ix_staff_dealer_id_update ON staff (dealer_id, update_time, staff_id);
CREATE INDEX ix_staff_manager_staff_id ON staff (manager_staff_id, employee_number, staff_id);
CREATE INDEX ix_staff_roles ON staff USING gin (roles);
CREATE INDEX ix_staff_number_beginning ON staff (lower(employee_number) text_pattern_ops);
CREATE INDEX ix_staff_search_text ON staff USING gin (search_text gin_trgm_ops);
CREATE INDEX ix_staff_search_tokens ON staff USING gin (search_tokens);
"""


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    for script in (DEALERS, CALENDARS, STAFF):
        for statement in script.split(";\n"):
            if statement.strip():
                op.execute(statement)
