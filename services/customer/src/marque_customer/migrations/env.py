"""Alembic's entry for the customer service."""

from marque_customer.models import Model
from servicekit.db.migrate import run_env

run_env(Model.metadata)
