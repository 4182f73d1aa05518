"""Wires the vehicle service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.db.uow import Work
from servicekit.rpc.client import Peer
from servicekit.service import Kit, Service

from marque_vehicle.api import OwnershipApi, RepairOrderApi, SaleApi, VehicleApi
from marque_vehicle.clients import Customers
from marque_vehicle.errors import CONSTRAINTS
from marque_vehicle.repository.snapshots import READERS
from marque_vehicle.subscribers import subscriptions

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    address = kit.settings.peers.get("customer")
    customers = Customers(Peer("customer", address, kit.identity) if address else None)
    return Service(
        name="vehicle",
        migrations=MIGRATIONS,
        servicers=[
            VehicleApi(work),
            SaleApi(work, customers),
            OwnershipApi(work, customers),
            RepairOrderApi(work, customers),
        ],
        subscriptions=subscriptions(),
        snapshots=READERS,
        closing=[customers],
    )
