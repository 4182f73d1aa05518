"""Whose system a source is: each dealer numbers customers as it likes, so its keys neither meet nor betray those of another."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0003"
down_revision = "0002"
contracts = "Code of before names a key by the same columns, without ON CONFLICT; what it writes is the maker's."

MAKER = "00000000-0000-0000-0000-000000000000"


def upgrade() -> None:
    """Adds the owner to the key. Code of before goes on writing meanwhile: what it writes is the maker's."""
    op.execute(f"ALTER TABLE source_references ADD COLUMN IF NOT EXISTS dealer_id uuid NOT NULL DEFAULT '{MAKER}'")
    build_indexes({"ix_source_references_key": "source_references (source, source_key, dealer_id)"}, unique=True)
    op.execute(
        "ALTER TABLE source_references DROP CONSTRAINT pk_source_references,"
        " ADD CONSTRAINT pk_source_references PRIMARY KEY USING INDEX ix_source_references_key"
    )
