"""Which touch a mail or a conversation left, so that the same one again names it."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds the column; what came in before has left no touch."""
    op.execute("ALTER TABLE lead_intakes ADD COLUMN IF NOT EXISTS interaction_id uuid")
