"""Wires the vehicle service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.db.uow import Work
from servicekit.service import Kit, Service

from marque_vehicle.api import SaleApi
from marque_vehicle.errors import CONSTRAINTS

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    return Service(name="vehicle", migrations=MIGRATIONS, servicers=[SaleApi(work)])
