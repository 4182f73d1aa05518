"""Appointments: the hours they are judged by, what a station gives away by the hour, and what was given away."""

from alembic import op

revision = "0004"
down_revision = "0003"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    """
    CREATE TABLE dealer_hours (
        dealer_id uuid NOT NULL, department text NOT NULL, version integer NOT NULL, time_zone text NOT NULL, week jsonb NOT NULL,
        holiday_country text NOT NULL, exceptions jsonb NOT NULL, heard_time timestamptz NOT NULL,
        PRIMARY KEY (dealer_id, department, version))
    """,
    f"""
    CREATE TABLE service_resources (
        resource_id uuid PRIMARY KEY, {AGGREGATE}, dealer_id uuid NOT NULL, kind integer NOT NULL, name text NOT NULL, staff_id uuid,
        vin varchar(17) NOT NULL DEFAULT '', active boolean NOT NULL DEFAULT true,
        CONSTRAINT uq_service_resources_name UNIQUE (dealer_id, kind, name))
    """,
    "CREATE INDEX ix_service_resources_name ON service_resources (name, resource_id)",
    "CREATE INDEX ix_service_resources_dealer_name ON service_resources (dealer_id, name, resource_id)",
    "CREATE INDEX ix_service_resources_update_time ON service_resources (update_time, resource_id)",
    "CREATE INDEX ix_service_resources_dealer_update_time ON service_resources (dealer_id, update_time, resource_id)",
    "CREATE INDEX ix_service_resources_staff ON service_resources (staff_id) WHERE staff_id IS NOT NULL",
    f"""
    CREATE TABLE appointments (
        appointment_id uuid PRIMARY KEY, {AGGREGATE}, dealer_id uuid NOT NULL, vin varchar(17) NOT NULL REFERENCES vehicles,
        customer_id uuid, kind integer NOT NULL, state integer NOT NULL, start_time timestamptz NOT NULL, end_time timestamptz NOT NULL,
        bay_id uuid REFERENCES service_resources, adviser_id uuid REFERENCES service_resources, adviser_staff_id uuid,
        loan_car boolean NOT NULL DEFAULT false, loan_car_id uuid REFERENCES service_resources, wish text NOT NULL DEFAULT '',
        calendar_department text NOT NULL, calendar_version integer NOT NULL, remind_time timestamptz, reminded_time timestamptz,
        moves integer NOT NULL DEFAULT 0, arrive_time timestamptz, repair_order_id uuid, cancel_reason text NOT NULL DEFAULT '',
        CONSTRAINT ck_appointments_span CHECK (end_time > start_time),
        CONSTRAINT ex_appointments_car EXCLUDE USING gist (
            vin WITH =, dealer_id WITH =, tstzrange(start_time, end_time) WITH &&) WHERE (state = 1))
    """,
    "CREATE INDEX ix_appointments_start_time ON appointments (start_time, appointment_id)",
    "CREATE INDEX ix_appointments_update_time ON appointments (update_time, appointment_id)",
    "CREATE INDEX ix_appointments_dealer_start_time ON appointments (dealer_id, start_time, appointment_id)",
    "CREATE INDEX ix_appointments_dealer_update_time ON appointments (dealer_id, update_time, appointment_id)",
    "CREATE INDEX ix_appointments_customer ON appointments (customer_id, start_time, appointment_id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX ix_appointments_vin ON appointments (vin, start_time, appointment_id)",
    "CREATE INDEX ix_appointments_adviser ON appointments (adviser_id, start_time) WHERE state = 1",
    # What is taken, and by whom. The exclusion is the promise that nothing is given away twice; the diary's lock only keeps callers from
    # running into it.
    """
    CREATE TABLE resource_bookings (
        appointment_id uuid NOT NULL REFERENCES appointments, kind integer NOT NULL, resource_id uuid NOT NULL REFERENCES service_resources,
        during tstzrange NOT NULL, PRIMARY KEY (appointment_id, kind),
        CONSTRAINT ex_resource_bookings_overlap EXCLUDE USING gist (resource_id WITH =, during WITH &&))
    """,
]


def upgrade() -> None:
    """Creates the tables."""
    for statement in TABLES:
        op.execute(statement)
