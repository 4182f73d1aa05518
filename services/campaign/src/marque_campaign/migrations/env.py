"""Alembic's entry for the campaign service."""

from marque_campaign.models import Model
from servicekit.db.migrate import run_env

run_env(Model.metadata)
