"""In which zones people are: by their hours dates come."""

from servicekit.db.migrate import build_indexes

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Builds an index while others write."""
    build_indexes({"ix_audience_people_time_zone": "audience_people (time_zone) WHERE time_zone IS NOT NULL"})
