"""Wires the customer service by hand; nothing happens at import."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

from servicekit import aliases
from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import Importer
from servicekit.bulk.worker import import_due
from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.operations import OperationsApi
from servicekit.rpc.client import Peer
from servicekit.service import Kit, Service

from marque_customer import due
from marque_customer.api import servicers
from marque_customer.api.permits import PersonalApi
from marque_customer.clients import Network, Vehicles
from marque_customer.errors import CONSTRAINTS
from marque_customer.handover import CustomerHandOver
from marque_customer.repository import snapshots
from marque_customer.rules.permits import Windows
from marque_customer.settings import Settings
from marque_customer.subscribers import subscriptions
from marque_customer.usecases import call_backs, duplicates, permits, plates
from marque_customer.usecases.importing import CustomerImporter
from marque_customer.usecases.leads import calendars, routing
from marque_customer.usecases.leads.importing import LeadImporter

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    address = kit.settings.peers.get("vehicle")
    vehicles = Vehicles(Peer("vehicle", address, kit.identity)) if address else None
    address = kit.settings.peers.get("network")
    network = Network(Peer("network", address, kit.identity)) if address else None
    settings = Settings.of(kit.settings)
    windows = Windows(
        timedelta(seconds=settings.permit_take_seconds),
        timedelta(seconds=settings.permit_spend_seconds),
        timedelta(seconds=settings.permit_margin_seconds),
    )
    heard, readers = subscriptions(), {"alias": aliases.snapshots, "customer": snapshots.customers}
    importers: dict[str, Importer] = {
        "ImportCustomers": CustomerImporter(),
        "ImportLeads": LeadImporter(),
    }
    sweeps = {
        "duplicates": partial(duplicates.reopen, work=work),
        "call-backs": partial(call_backs.sweep, work=work, network=network),
    }
    if vehicles:
        sweeps["plates"] = partial(plates.sweep, work=work, vehicles=vehicles)
    if network:
        sweeps["lead-routes"] = partial(routing.sweep, work=work, network=network)
        sweeps["calendars"] = partial(calendars.sweep, work=work, network=network)
    return Service(
        name="customer",
        migrations=MIGRATIONS,
        servicers=[
            *servicers(work, windows, network),
            ImportApi("customer", work, importers),
            PersonalApi(work, windows),
            HandOverApi("customer", work, CustomerHandOver()),
            OperationsApi("customer", work, readers, heard, kit=kit),
        ],
        subscriptions=heard,
        due={
            **import_due(work, importers),
            **due.handlers(),
            permits.PRUNE: permits.pruning(settings.permit_days, settings.call_days),
        },
        snapshots=readers,
        sweeps=sweeps,
        closing=[peer for peer in (vehicles, network) if peer],
    )
