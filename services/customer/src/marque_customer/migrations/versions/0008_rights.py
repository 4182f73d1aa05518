"""A person's rights: sealed identity numbers, exports, erasures, restrictions, and how long data are kept."""

from alembic import op
from servicekit.db.migrate import build_indexes
from servicekit.db.tables import statements

revision = "0008"
down_revision = "0007"

TABLES = """
CREATE TABLE IF NOT EXISTS identity_documents (
    identity_document_id uuid PRIMARY KEY, customer_id uuid NOT NULL CONSTRAINT fk_identity_documents_customer_id REFERENCES customers,
    kind smallint NOT NULL, country_code text NOT NULL, number_sealed bytea NOT NULL, number_hash text NOT NULL,
    verify_time timestamptz, actor text NOT NULL, create_time timestamptz NOT NULL);
CREATE INDEX IF NOT EXISTS ix_identity_documents_customer_id ON identity_documents (customer_id, create_time, identity_document_id);
CREATE INDEX IF NOT EXISTS ix_identity_documents_number_hash ON identity_documents (number_hash);
CREATE TABLE IF NOT EXISTS data_exports (
    data_export_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    customer_id uuid NOT NULL, state smallint NOT NULL, actor text NOT NULL, waiting text[] NOT NULL DEFAULT '{}',
    try_time timestamptz NOT NULL, archive_bytes bigint NOT NULL DEFAULT 0, archive_sha256 text NOT NULL DEFAULT '',
    archive_pieces integer NOT NULL DEFAULT 0, ready_time timestamptz, expire_time timestamptz);
CREATE INDEX IF NOT EXISTS ix_data_exports_customer_id ON data_exports (customer_id);
CREATE INDEX IF NOT EXISTS ix_data_exports_try_time ON data_exports (try_time) WHERE state = 1;
CREATE INDEX IF NOT EXISTS ix_data_exports_expire_time ON data_exports (expire_time) WHERE state = 2;
CREATE TABLE IF NOT EXISTS data_export_parts (
    data_export_id uuid NOT NULL CONSTRAINT fk_data_export_parts_data_export_id REFERENCES data_exports ON DELETE CASCADE,
    service text NOT NULL, records bigint NOT NULL, content bytea, gather_time timestamptz NOT NULL,
    CONSTRAINT pk_data_export_parts PRIMARY KEY (data_export_id, service));
CREATE TABLE IF NOT EXISTS data_export_pieces (
    data_export_id uuid NOT NULL CONSTRAINT fk_data_export_pieces_data_export_id REFERENCES data_exports ON DELETE CASCADE,
    piece integer NOT NULL, content bytea NOT NULL, CONSTRAINT pk_data_export_pieces PRIMARY KEY (data_export_id, piece));
CREATE TABLE IF NOT EXISTS customer_erasures (
    erasure_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    customer_id uuid NOT NULL, state smallint NOT NULL, reason text NOT NULL, actor text NOT NULL, round integer NOT NULL DEFAULT 1,
    try_time timestamptz, waiting text[] NOT NULL DEFAULT '{}', complete_time timestamptz, statement bytea NOT NULL DEFAULT '',
    key_id text NOT NULL DEFAULT '', signature bytea NOT NULL DEFAULT '', issue_time timestamptz,
    CONSTRAINT uq_customer_erasures_customer_id UNIQUE (customer_id));
CREATE INDEX IF NOT EXISTS ix_customer_erasures_create_time ON customer_erasures (create_time, erasure_id);
CREATE INDEX IF NOT EXISTS ix_customer_erasures_state ON customer_erasures (state, create_time, erasure_id);
CREATE INDEX IF NOT EXISTS ix_customer_erasures_try_time ON customer_erasures (try_time) WHERE try_time IS NOT NULL;
CREATE TABLE IF NOT EXISTS erasure_acknowledgements (
    erasure_id uuid NOT NULL CONSTRAINT fk_erasure_acknowledgements_erasure_id REFERENCES customer_erasures, pass smallint NOT NULL,
    service text NOT NULL, round integer NOT NULL, answer bytea NOT NULL,
    CONSTRAINT pk_erasure_acknowledgements PRIMARY KEY (erasure_id, pass, service));
CREATE TABLE IF NOT EXISTS processing_restrictions (
    restriction_id uuid PRIMARY KEY, customer_id uuid NOT NULL, reason text NOT NULL, actor text NOT NULL,
    set_time timestamptz NOT NULL, lift_time timestamptz, lift_reason text NOT NULL DEFAULT '', lift_actor text NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS ix_processing_restrictions_customer_id ON processing_restrictions (customer_id);
CREATE UNIQUE INDEX IF NOT EXISTS uq_processing_restrictions_standing ON processing_restrictions (customer_id) WHERE lift_time IS NULL;
CREATE TABLE IF NOT EXISTS retention_rules (
    kind smallint PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    days integer, basis text NOT NULL, actor text NOT NULL, removed bigint NOT NULL DEFAULT 0, run_time timestamptz)
"""
# What a maker begins with, of no law: managers change them by PutRetentionRule. Nobody is erased for being silent until one says so.
RULES = """
INSERT INTO retention_rules (kind, version, create_time, update_time, days, basis, actor)
SELECT kind, 1, now(), now(), days, basis, 'marque' FROM (VALUES
    (1, 3650, 'Ten years: as long as a car is usually driven'), (2, 1095, 'Three years: limitation of claims from an offer'),
    (3, 730, 'Two years, as calls'), (4, NULL, 'Not decided: people are kept until they ask')) AS r (kind, days, basis)
ON CONFLICT DO NOTHING"""
# What the rules look for; touches are written nearly in the order of their time, so a small index of blocks serves.
BY_AGE = {
    "ix_interactions_age": "interactions USING brin (occur_time)",
    "ix_tasks_end_time": "tasks (end_time) WHERE end_time IS NOT NULL",
    "ix_leads_close_time": "leads (close_time) WHERE close_time IS NOT NULL",
}


def upgrade() -> None:
    """Creates the tables, the first rules, and indexes by age; no identity number stood in any column before."""
    for statement in statements(TABLES):
        op.execute(statement)
    op.execute(RULES)
    op.execute("INSERT INTO due_work (kind, key, due_time) VALUES ('retention', '', now()) ON CONFLICT DO NOTHING")
    build_indexes(BY_AGE)
