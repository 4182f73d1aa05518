"""Help on the road."""

from alembic import op

revision = "0011"
down_revision = "0010"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    f"""
    CREATE TABLE roadside_cases (
        case_id uuid PRIMARY KEY, {AGGREGATE}, vin varchar(17) NOT NULL, customer_id uuid, phone text NOT NULL, latitude double precision,
        longitude double precision, place text NOT NULL, problem integer NOT NULL, note text NOT NULL, state integer NOT NULL,
        dealer_id uuid, distance_metres integer NOT NULL DEFAULT 0, request_time timestamptz NOT NULL, dispatch_time timestamptz,
        arrive_time timestamptz, finish_time timestamptz, outcome integer NOT NULL DEFAULT 0, cancel_reason text NOT NULL DEFAULT '',
        repair_order_id uuid REFERENCES repair_orders,
        CONSTRAINT ck_roadside_cases_finished CHECK ((state >= 4) = (finish_time IS NOT NULL)))
    """,
    "CREATE INDEX ix_roadside_cases_request_time ON roadside_cases (request_time, case_id)",
    "CREATE INDEX ix_roadside_cases_dealer_request_time ON roadside_cases (dealer_id, request_time, case_id)",
    "CREATE INDEX ix_roadside_cases_vin ON roadside_cases (vin, request_time, case_id)",
    "CREATE INDEX ix_roadside_cases_customer ON roadside_cases (customer_id, request_time, case_id) WHERE customer_id IS NOT NULL",
]


def upgrade() -> None:
    """Creates the table."""
    for statement in TABLES:
        op.execute(statement)
