"""Files with cases: what is known of them; what they hold lies in the object store."""

from alembic import op

revision = "0007"
down_revision = "0006"

TABLES = [
    """
    CREATE TABLE IF NOT EXISTS case_attachments (
        attachment_id uuid NOT NULL, case_id uuid NOT NULL, file_name text NOT NULL, content_type text NOT NULL, size_bytes bigint NOT NULL,
        sha256 text NOT NULL, author integer NOT NULL, staff_id uuid, internal boolean NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_case_attachments PRIMARY KEY (attachment_id))
    """,
    "CREATE INDEX IF NOT EXISTS ix_case_attachments_case ON case_attachments (case_id, create_time, attachment_id)",
]


def upgrade() -> None:
    """Creates the table. May be run again from its beginning."""
    for statement in TABLES:
        op.execute(statement)
