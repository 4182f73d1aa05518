"""Parts that stations order, and what they claim under warranty."""

from alembic import op

revision = "0010"
down_revision = "0009"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    f"""
    CREATE TABLE parts_orders (
        parts_order_id uuid PRIMARY KEY, {AGGREGATE}, dealer_id uuid NOT NULL, number text NOT NULL, warehouse_code text NOT NULL,
        part_number text NOT NULL, quantity text NOT NULL, repair_order_id uuid REFERENCES repair_orders, state integer NOT NULL,
        order_time timestamptz NOT NULL, promised_date date, promise_changes integer NOT NULL DEFAULT 0, arrive_time timestamptz,
        cancel_reason text NOT NULL DEFAULT '',
        CONSTRAINT uq_parts_orders_number UNIQUE (dealer_id, number),
        CONSTRAINT ck_parts_orders_arrived CHECK ((state = 2) = (arrive_time IS NOT NULL)))
    """,
    "CREATE SEQUENCE parts_order_numbers",
    "CREATE INDEX ix_parts_orders_order_time ON parts_orders (order_time, parts_order_id)",
    "CREATE INDEX ix_parts_orders_dealer_order_time ON parts_orders (dealer_id, order_time, parts_order_id)",
    "CREATE INDEX ix_parts_orders_repair_order ON parts_orders (repair_order_id, order_time, parts_order_id) "
    "WHERE repair_order_id IS NOT NULL",
    # Amounts are minor units of the claim's currency.
    f"""
    CREATE TABLE warranty_claims (
        claim_id uuid PRIMARY KEY, {AGGREGATE}, dealer_id uuid NOT NULL, repair_order_id uuid NOT NULL REFERENCES repair_orders,
        repair_order_number text NOT NULL, vin varchar(17) NOT NULL REFERENCES vehicles, state integer NOT NULL,
        currency text NOT NULL DEFAULT '', items jsonb NOT NULL, claimed bigint NOT NULL, approved bigint, recoverable bigint,
        reason text NOT NULL DEFAULT '', parts_return integer NOT NULL DEFAULT 0, submissions integer NOT NULL DEFAULT 1,
        submit_time timestamptz NOT NULL, decide_time timestamptz, pay_time timestamptz, payment_reference text NOT NULL DEFAULT '',
        CONSTRAINT ck_warranty_claims_approved CHECK (approved BETWEEN 0 AND claimed),
        CONSTRAINT ck_warranty_claims_paid CHECK (state <> 6 OR pay_time IS NOT NULL))
    """,
    # One claim that stands for each repair order: one that was refused may be followed by another.
    "CREATE UNIQUE INDEX uq_warranty_claims_standing ON warranty_claims (repair_order_id) WHERE state NOT IN (5, 7)",
    "CREATE INDEX ix_warranty_claims_repair_order ON warranty_claims (repair_order_id, submit_time, claim_id)",
    "CREATE INDEX ix_warranty_claims_submit_time ON warranty_claims (submit_time, claim_id)",
    "CREATE INDEX ix_warranty_claims_dealer_submit_time ON warranty_claims (dealer_id, submit_time, claim_id)",
    "CREATE INDEX ix_warranty_claims_vin ON warranty_claims (vin, submit_time, claim_id)",
]


def upgrade() -> None:
    """Creates the tables."""
    for statement in TABLES:
        op.execute(statement)
