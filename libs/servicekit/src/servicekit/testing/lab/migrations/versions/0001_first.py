"""The platform's tables and the scratch tables."""

from alembic import op
from servicekit.db.staff_tables import create_staff
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    create_staff(op.execute)
    op.execute(
        """
        CREATE TABLE lab_customers (
            customer_id uuid PRIMARY KEY, source text NOT NULL, source_key text NOT NULL, full_name text NOT NULL, version bigint NOT NULL,
            CONSTRAINT uq_lab_customers_source_key UNIQUE (source, source_key))
        """
    )
    op.execute("CREATE TABLE lab_writes (source_key text NOT NULL, principal text NOT NULL)")
    op.execute("CREATE TABLE lab_switches (name text PRIMARY KEY)")
    op.execute("CREATE TABLE lab_named (import_id uuid, source_key text, PRIMARY KEY (import_id, source_key))")
    op.execute("CREATE TABLE lab_removals (source_key text NOT NULL)")
