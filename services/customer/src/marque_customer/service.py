"""Wires the customer service by hand; nothing happens at import."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from servicekit import aliases
from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import Importer
from servicekit.bulk.worker import import_due
from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.client import Peer
from servicekit.service import Kit, Service

from marque_customer.api import servicers
from marque_customer.clients import Vehicles
from marque_customer.errors import CONSTRAINTS
from marque_customer.handover import CustomerHandOver
from marque_customer.personal import CustomerPersonalData
from marque_customer.repository import snapshots
from marque_customer.subscribers import subscriptions
from marque_customer.usecases import duplicates, plates
from marque_customer.usecases.importing import CustomerImporter

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    address = kit.settings.peers.get("vehicle")
    vehicles = Vehicles(Peer("vehicle", address, kit.identity)) if address else None
    heard, readers = subscriptions(), {"alias": aliases.snapshots, "customer": snapshots.customers}
    importers: dict[str, Importer] = {"ImportCustomers": CustomerImporter()}
    return Service(
        name="customer",
        migrations=MIGRATIONS,
        servicers=[
            *servicers(work),
            ImportApi("customer", work, importers),
            PersonalDataApi("customer", work, CustomerPersonalData()),
            HandOverApi("customer", work, CustomerHandOver()),
            OperationsApi("customer", work, readers, heard, kit=kit),
        ],
        subscriptions=heard,
        due=import_due(work, importers),
        snapshots=readers,
        sweeps={
            "duplicates": partial(duplicates.reopen, work=work),
            **({"plates": partial(plates.sweep, work=work, vehicles=vehicles)} if vehicles else {}),
        },
        closing=[vehicles] if vehicles else [],
    )
