"""Alembic's entry for the complaint service."""

from marque_complaint.models import Model
from servicekit.db.migrate import run_env

run_env(Model.metadata)
