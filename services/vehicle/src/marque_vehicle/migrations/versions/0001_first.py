"""The platform's tables and sales."""

from alembic import op
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    op.execute(
        """
        CREATE TABLE sales (
            sale_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
            dealer_id uuid NOT NULL, vin varchar(17) NOT NULL, buyer_customer_id uuid NOT NULL, invoice_number text NOT NULL,
            invoice_date date NOT NULL, delivery_date date, currency varchar(3), price bigint, discount bigint,
            options jsonb NOT NULL DEFAULT '[]', adviser_staff_id uuid, payment_kind integer NOT NULL DEFAULT 0, use integer NOT NULL,
            odometer_km integer NOT NULL DEFAULT 0, source text NOT NULL DEFAULT '', source_key text NOT NULL DEFAULT '',
            state integer NOT NULL, reversal_reason text NOT NULL DEFAULT '', reverse_time timestamptz,
            CONSTRAINT uq_sales_dealer_id UNIQUE (dealer_id, invoice_number))
        """
    )
