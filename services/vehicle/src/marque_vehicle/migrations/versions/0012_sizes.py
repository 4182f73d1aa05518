"""The watch of replacement and return knows when a count next grows by time alone; recalls know the models and years that they cover."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Creates the table, adds the moment and its index, makes the daily look due, and one look at every car, which fills the moments."""
    op.execute(
        "CREATE TABLE IF NOT EXISTS recall_models (recall_id uuid NOT NULL REFERENCES recalls, make text NOT NULL, model text NOT NULL, "
        "model_year integer NOT NULL, PRIMARY KEY (recall_id, make, model, model_year))"
    )
    op.execute("ALTER TABLE lemon_watches ADD COLUMN IF NOT EXISTS next_change timestamptz")
    build_indexes({"ix_lemon_watches_next_change": "lemon_watches (next_change, vin) WHERE next_change IS NOT NULL"})
    op.execute(
        "INSERT INTO due_work (kind, key, due_time, attempts) VALUES ('lemon.day', 'every', now(), 0), ('lemon.sweep', '0012/', now(), 0) "
        "ON CONFLICT DO NOTHING"
    )
