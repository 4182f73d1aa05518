"""The platform's tables, customers, relations and interactions."""

from alembic import op
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    op.execute(
        """
        CREATE TABLE customers (
            customer_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL,
            update_time timestamptz NOT NULL, kind integer NOT NULL)
        """
    )
    op.execute(
        """
        CREATE TABLE relations (
            relation_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
            customer_id uuid NOT NULL CONSTRAINT fk_relations_customer_id REFERENCES customers, dealer_id uuid NOT NULL,
            kind integer NOT NULL, start_time timestamptz NOT NULL, origin_type text NOT NULL, origin_id text NOT NULL,
            CONSTRAINT uq_relations_customer_id UNIQUE (customer_id, dealer_id, kind))
        """
    )
    op.execute(
        """
        CREATE TABLE interactions (
            interaction_id uuid PRIMARY KEY, customer_id uuid NOT NULL REFERENCES customers, kind integer NOT NULL, direction integer NOT NULL,
            occur_time timestamptz NOT NULL, create_time timestamptz NOT NULL, dealer_id uuid, subject_key text NOT NULL DEFAULT '',
            subject_params jsonb NOT NULL DEFAULT '{}', vin text NOT NULL DEFAULT '', reference_type text NOT NULL DEFAULT '',
            reference_id text NOT NULL DEFAULT '')
        """
    )
