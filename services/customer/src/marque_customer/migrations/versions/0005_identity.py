"""What each source said, which customers are merged, and which may be one."""

from alembic import op
from servicekit.db.migrate import build_indexes
from servicekit.db.tables import statements

revision = "0005"
down_revision = "0004"

# No key leads from here to the customers: an import writes these rows in the same transaction as theirs, and the check of each would
# cost it as much as the rows. tests/integration/test_identity_sequences.py looks for orphans.
TABLES = """
CREATE TABLE IF NOT EXISTS source_records (
    customer_id uuid NOT NULL, source text NOT NULL, dealer_id uuid NOT NULL, source_key text NOT NULL DEFAULT '',
    origin smallint NOT NULL, said jsonb NOT NULL, older jsonb NOT NULL DEFAULT '{}', verified text[] NOT NULL DEFAULT '{}',
    first_time timestamptz NOT NULL, last_time timestamptz NOT NULL, actor text NOT NULL,
    CONSTRAINT pk_source_records PRIMARY KEY (customer_id, source, dealer_id, source_key));
CREATE TABLE IF NOT EXISTS customer_merges (
    merge_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    customer_id uuid NOT NULL, merged_customer_id uuid NOT NULL, merge_time timestamptz NOT NULL, source smallint NOT NULL,
    reasons text[] NOT NULL, actor text NOT NULL, status_before smallint NOT NULL, status_time_before timestamptz NOT NULL,
    unmerge_time timestamptz, unmerge_reason text NOT NULL DEFAULT '', unmerge_actor text NOT NULL DEFAULT '',
    CONSTRAINT ck_customer_merges_two CHECK (customer_id <> merged_customer_id));
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_merges_standing ON customer_merges (merged_customer_id) WHERE unmerge_time IS NULL;
CREATE INDEX IF NOT EXISTS ix_customer_merges_customer_id ON customer_merges (customer_id, merge_time, merge_id);
CREATE INDEX IF NOT EXISTS ix_customer_merges_merged ON customer_merges (merged_customer_id, merge_time, merge_id);
CREATE TABLE IF NOT EXISTS duplicate_candidates (
    candidate_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    left_id uuid NOT NULL, right_id uuid NOT NULL, score double precision NOT NULL, reasons jsonb NOT NULL DEFAULT '[]',
    source smallint NOT NULL, state smallint NOT NULL DEFAULT 1, decide_time timestamptz, decider text NOT NULL DEFAULT '',
    review_time timestamptz, merge_id uuid, carried_by uuid,
    CONSTRAINT ck_duplicate_candidates_order CHECK (left_id < right_id),
    CONSTRAINT uq_duplicate_candidates_pair UNIQUE (left_id, right_id));
CREATE INDEX IF NOT EXISTS ix_duplicate_candidates_score ON duplicate_candidates (state, score, candidate_id);
CREATE INDEX IF NOT EXISTS ix_duplicate_candidates_create_time ON duplicate_candidates (state, create_time, candidate_id);
CREATE INDEX IF NOT EXISTS ix_duplicate_candidates_right_id ON duplicate_candidates (right_id);
CREATE INDEX IF NOT EXISTS ix_duplicate_candidates_review ON duplicate_candidates (review_time) WHERE state = 4;
CREATE INDEX IF NOT EXISTS ix_duplicate_candidates_carried_by ON duplicate_candidates (carried_by) WHERE carried_by IS NOT NULL
"""
# Erased customers keep their place in the chain; their parts are gone, and whoever stands below them stays where it was.
ROOT = """
CREATE OR REPLACE FUNCTION customer_root(asked uuid) RETURNS uuid LANGUAGE sql STABLE STRICT AS $$
    WITH RECURSIVE chain AS (
        SELECT customer_id, merged_into, status, 0 AS depth FROM customers WHERE customer_id = asked
        UNION ALL SELECT n.customer_id, n.merged_into, n.status, depth + 1 FROM chain
        JOIN customers n ON n.customer_id = chain.merged_into WHERE chain.status = 2 AND depth < 1000)
    SELECT customer_id FROM chain ORDER BY depth DESC LIMIT 1 $$
"""


def upgrade() -> None:
    """Creates the tables, an index by which people of the same birthday are met, and one for merges of the past."""
    for statement in statements(TABLES):
        op.execute(statement)
    op.execute(ROOT)
    build_indexes(
        {
            "ix_customers_birth_date": "customers (birth_date) WHERE birth_date > 9999",
            "ix_customer_aliases_into": "customer_aliases (to_customer_id)",
        }
    )
