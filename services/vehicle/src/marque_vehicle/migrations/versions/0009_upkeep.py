"""Upkeep: odometers that were told, maintenance plans and what is due, who came for services, cars in use by month."""

from alembic import op

revision = "0009"
down_revision = "0008"

ODOMETER = [
    # What sales and repair orders say of odometers stands with them; here is what was told otherwise.
    """
    CREATE TABLE odometer_readings (
        reading_id uuid PRIMARY KEY, vin varchar(17) NOT NULL REFERENCES vehicles, read_time timestamptz NOT NULL,
        odometer_km integer NOT NULL, odometer_replaced boolean NOT NULL DEFAULT false, source integer NOT NULL, source_id text NOT NULL,
        create_time timestamptz NOT NULL,
        CONSTRAINT uq_odometer_readings_same UNIQUE (vin, read_time, source, odometer_km))
    """,
    # One row for each reading that was told of as flagged; the key is what makes it once.
    """
    CREATE TABLE odometer_flags (
        vin varchar(17) NOT NULL REFERENCES vehicles, source integer NOT NULL, source_id text NOT NULL, odometer_km integer NOT NULL,
        flag integer NOT NULL, mark_time timestamptz NOT NULL, PRIMARY KEY (vin, source, source_id, odometer_km))
    """,
]

MAINTENANCE = [
    """
    CREATE TABLE maintenance_plans (
        plan_code text NOT NULL, effective_from date NOT NULL, effective_before date, market text NOT NULL, make text NOT NULL,
        model text NOT NULL, steps jsonb NOT NULL, repeat_km integer NOT NULL, repeat_months integer NOT NULL,
        operation_codes text[] NOT NULL, update_time timestamptz NOT NULL, PRIMARY KEY (plan_code, effective_from),
        CONSTRAINT ck_maintenance_plans_span CHECK (effective_before > effective_from))
    """,
    "CREATE INDEX ix_maintenance_plans_market ON maintenance_plans (market, plan_code, effective_from)",
    # Cars that are to be looked at: each transaction that changes one adds rows of its own, so that nobody waits for the worker.
    """
    CREATE TABLE maintenance_looks (
        look_id uuid NOT NULL, vin varchar(17) NOT NULL REFERENCES vehicles, PRIMARY KEY (look_id, vin))
    """,
    # The next service of each car; `dealer_id` sees to it. Without a due date the car has none: it stays as what workers lock.
    """
    CREATE TABLE maintenance_dues (
        vin varchar(17) PRIMARY KEY REFERENCES vehicles, version bigint NOT NULL DEFAULT 0, update_time timestamptz NOT NULL,
        dealer_id uuid, plan_code text NOT NULL DEFAULT '', plan_effective_from date, anchor text NOT NULL DEFAULT '',
        service_number integer NOT NULL DEFAULT 0, due_date date, cause integer NOT NULL DEFAULT 0, time_due_date date,
        due_distance_km integer NOT NULL DEFAULT 0, distance_due_date date, distance_due_date_early date, distance_due_date_late date,
        metres_per_day integer NOT NULL DEFAULT 0)
    """,
    "CREATE INDEX ix_maintenance_dues_due_date ON maintenance_dues (due_date, vin) WHERE due_date IS NOT NULL",
    "CREATE INDEX ix_maintenance_dues_dealer_due_date ON maintenance_dues (dealer_id, due_date, vin) WHERE due_date IS NOT NULL",
    # One row for each due that was told of: the service that a car owes after the visit or sale `anchor`.
    """
    CREATE TABLE maintenance_marks (
        vin varchar(17) NOT NULL REFERENCES vehicles, anchor text NOT NULL, service_number integer NOT NULL,
        mark_time timestamptz NOT NULL, PRIMARY KEY (vin, anchor))
    """,
    # Which services of its plan each car has reached and come for; the counts by dealer are their sums, kept in the same transactions.
    """
    CREATE TABLE vehicle_milestones (
        vin varchar(17) NOT NULL REFERENCES vehicles, service_number integer NOT NULL, dealer_id uuid NOT NULL,
        milestone_km integer NOT NULL, returned boolean NOT NULL, returned_to_seller boolean NOT NULL,
        PRIMARY KEY (vin, service_number))
    """,
    """
    CREATE TABLE milestone_returns (
        dealer_id uuid NOT NULL, service_number integer NOT NULL, milestone_km integer NOT NULL, reached_count bigint NOT NULL,
        returned_count bigint NOT NULL, returned_to_seller_count bigint NOT NULL,
        PRIMARY KEY (dealer_id, service_number, milestone_km))
    """,
]

EXPOSURE = [
    # A month is counted in steps into a run of its own, which is shown when it is whole.
    """
    CREATE TABLE exposure_months (
        month date PRIMARY KEY, shown_run integer NOT NULL DEFAULT 0, run integer NOT NULL DEFAULT 1, after_vin text NOT NULL DEFAULT '',
        count_time timestamptz)
    """,
    """
    CREATE TABLE vehicle_exposures (
        month date NOT NULL REFERENCES exposure_months, run integer NOT NULL, cell text NOT NULL, make text NOT NULL,
        model text NOT NULL, model_year integer NOT NULL, market text NOT NULL, region_code text NOT NULL, band integer NOT NULL,
        vehicle_count bigint NOT NULL, PRIMARY KEY (month, run, cell))
    """,
]


def upgrade() -> None:
    """Creates the tables, and makes the present month due to be counted."""
    for statement in (*ODOMETER, *MAINTENANCE, *EXPOSURE):
        op.execute(statement)
    op.execute(
        "INSERT INTO due_work (kind, key, due_time, attempts) VALUES ('exposure.count', to_char(now(), 'YYYY-MM-01'), now(), 0) "
        "ON CONFLICT DO NOTHING"
    )
