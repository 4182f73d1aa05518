"""How far each mailbox was read, cases for what came in, runs that find duplicates, and an index for parts of numbers."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0013"
down_revision = "0012"

# All runs of five digits in a search document, as numbers. A trigram of digits is in one number of a hundred, five of them in one of ten
# thousand; and as the index is of the text itself, no document has to be built again.
FUNCTION = """
CREATE OR REPLACE FUNCTION digit_windows(document text) RETURNS integer[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(DISTINCT substr(run[1], place, 5)::integer), '{}')
   FROM regexp_matches(document, '[0-9]{5,}', 'g') AS run, generate_series(1, length(run[1]) - 4) AS place $$
"""


def upgrade() -> None:
    """Creates the tables, the columns and the function, and while others write the indexes; of what came in before no case is opened."""
    op.execute(
        "CREATE TABLE IF NOT EXISTS mailboxes (address text PRIMARY KEY, uid_validity bigint NOT NULL, last_uid bigint NOT NULL,"
        " read_time timestamptz NOT NULL)"
    )
    op.execute(
        "CREATE TABLE IF NOT EXISTS duplicate_runs (run_id uuid PRIMARY KEY, state smallint NOT NULL, step text NOT NULL,"
        " merged bigint NOT NULL, queued bigint NOT NULL, attempts integer NOT NULL, principal text NOT NULL,"
        " create_time timestamptz NOT NULL, start_time timestamptz, end_time timestamptz)"
    )
    op.execute(
        "CREATE UNIQUE INDEX IF NOT EXISTS uq_duplicate_runs_unended ON duplicate_runs ((true)) WHERE state IN (1, 2)"
    )
    op.execute(
        "ALTER TABLE lead_intakes ADD COLUMN IF NOT EXISTS case_time timestamptz, ADD COLUMN IF NOT EXISTS case_id uuid"
    )
    op.execute(FUNCTION)
    build_indexes(
        {
            "ix_lead_intakes_case_time": "lead_intakes (case_time) WHERE case_time IS NOT NULL",
            "ix_customers_search_digits": "customers USING gin (digit_windows(search_text))",
        }
    )
