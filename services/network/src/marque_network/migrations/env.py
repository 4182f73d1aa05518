"""Alembic's entry for the network service."""

from marque_network.models import Model
from servicekit.db.migrate import run_env

run_env(Model.metadata)
