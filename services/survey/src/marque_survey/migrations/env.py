"""Alembic's entry for the survey service."""

from marque_survey.models import Model
from servicekit.db.migrate import run_env

run_env(Model.metadata)
