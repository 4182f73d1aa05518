"""Calls as a channel, channels that come after the one that reached nobody, and test messages."""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = [
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS call_days integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS most_calls integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS fallbacks jsonb NOT NULL DEFAULT '[]'",
    """
    CREATE TABLE test_messages (
        test_message_id uuid NOT NULL, template_id uuid NOT NULL, actor text NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_test_messages PRIMARY KEY (test_message_id))
    """,
    "CREATE INDEX ix_test_messages_actor ON test_messages (actor, create_time)",
]


def upgrade() -> None:
    """Adds the table and the columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
