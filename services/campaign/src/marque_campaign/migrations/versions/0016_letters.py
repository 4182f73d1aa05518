"""Letters: files of them, what stands in them, and which must not be posted any more."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0016"
down_revision = "0015"

STATEMENTS = [
    """
    CREATE TABLE letter_files (
        letter_file_id uuid NOT NULL, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
        dealer_id uuid, campaign_id uuid, state integer NOT NULL, most_letters integer NOT NULL, byte_order_mark boolean NOT NULL,
        letter_count integer NOT NULL DEFAULT 0, pulled_count integer NOT NULL DEFAULT 0, erased_count integer NOT NULL DEFAULT 0,
        size_bytes bigint NOT NULL DEFAULT 0, sha256 text NOT NULL DEFAULT '', settled boolean NOT NULL DEFAULT false,
        ready_time timestamptz, print_time timestamptz, expire_time timestamptz,
        CONSTRAINT pk_letter_files PRIMARY KEY (letter_file_id))
    """,
    "CREATE INDEX ix_letter_files_create_time ON letter_files (create_time, letter_file_id)",
    "CREATE INDEX ix_letter_files_dealer ON letter_files (dealer_id, create_time, letter_file_id)",
    "CREATE INDEX ix_letter_files_unsettled ON letter_files (create_time) WHERE NOT settled",
    # The unique key of the permit is what keeps two lines of people who are one from being two letters.
    """
    CREATE TABLE letters (
        send_id uuid NOT NULL REFERENCES campaign_sends, letter_file_id uuid NOT NULL REFERENCES letter_files, number integer,
        contact_permit_id uuid, content bytea, pull_number integer, pull_reason text NOT NULL DEFAULT '', check_time timestamptz,
        create_time timestamptz NOT NULL,
        CONSTRAINT pk_letters PRIMARY KEY (send_id),
        CONSTRAINT uq_letters_permit UNIQUE (contact_permit_id))
    """,
    "CREATE INDEX ix_letters_number ON letters (letter_file_id, number)",
    "CREATE INDEX ix_letters_pulled ON letters (letter_file_id, pull_number) WHERE pull_number IS NOT NULL",
    "CREATE INDEX ix_letters_check ON letters (check_time) WHERE check_time IS NOT NULL",
]


def upgrade() -> None:
    """Adds the tables, and by what lines are found that wait for a worker, or for a file of letters (channel 4)."""
    for statement in STATEMENTS:
        op.execute(statement)
    build_indexes(
        {
            "ix_campaign_sends_unbegun": "campaign_sends (campaign_id, retry_time) WHERE state = 1 AND channel <> 4",
            "ix_campaign_sends_letters": "campaign_sends (campaign_id, retry_time) WHERE state = 1 AND channel = 4",
        }
    )
