"""Alembic's entry for the laboratory."""

import sqlalchemy as sa
from servicekit.db.migrate import run_env

run_env(sa.MetaData())
