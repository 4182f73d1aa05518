"""Alembic's entry for the vehicle service."""

from marque_vehicle.models import Model
from servicekit.db.migrate import run_env

run_env(Model.metadata)
