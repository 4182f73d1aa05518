"""Why people stay away, why a run that finds duplicates failed, what kind of case a mail became, and an index for whole names."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Creates the table and the columns, and while others write the index."""
    op.execute(
        "CREATE TABLE IF NOT EXISTS lost_reasons (invitation_id uuid PRIMARY KEY, customer_id uuid NOT NULL, dealer_id uuid,"
        " vin text NOT NULL DEFAULT '', reasons text[] NOT NULL, tell_time timestamptz NOT NULL)"
    )
    op.execute(
        "CREATE INDEX IF NOT EXISTS ix_lost_reasons_customer_id ON lost_reasons (customer_id, tell_time DESC, invitation_id)"
    )
    op.execute("ALTER TABLE duplicate_runs ADD COLUMN IF NOT EXISTS failure text NOT NULL DEFAULT ''")
    op.execute(
        "ALTER TABLE lead_intakes ADD COLUMN IF NOT EXISTS case_kind smallint NOT NULL DEFAULT 0,"
        " ADD COLUMN IF NOT EXISTS case_reason text NOT NULL DEFAULT ''"
    )
    # The first line of a search document is the name. A hundred characters of it, as an entry of the index cannot be larger than a third
    # of a page; the whole line is compared with the row.
    build_indexes(
        {"ix_customers_first_line": "customers (left(split_part(search_text, E'\\n', 1), 100))"},
    )
