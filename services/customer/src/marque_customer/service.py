"""Wires the customer service by hand; nothing happens at import."""

from __future__ import annotations

from collections.abc import Sequence
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
from servicekit.sweeps import Sweep

from marque_customer import due
from marque_customer.api import servicers
from marque_customer.api.permits import PersonalApi
from marque_customer.api.rights import DataExportApi, ErasureApi, IdentityDocumentApi, OwnRecords, RetentionApi
from marque_customer.clients import Complaints, Network, PersonalRecords, Vehicles, holds_persons
from marque_customer.clients.mailboxes import mailboxes_of
from marque_customer.due.duplicates import find_alone
from marque_customer.errors import CONSTRAINTS
from marque_customer.handover import CustomerHandOver
from marque_customer.repository import snapshots
from marque_customer.rules import figures
from marque_customer.rules.permits import Windows
from marque_customer.settings import Settings
from marque_customer.subscribers import subscriptions
from marque_customer.usecases import call_backs, duplicate_runs, duplicates, inbound_cases, permits, plates
from marque_customer.usecases.completeness import counting
from marque_customer.usecases.holdings.importing import HoldingImporter
from marque_customer.usecases.importing import CustomerImporter
from marque_customer.usecases.leads import calendars, routing
from marque_customer.usecases.leads.importing import LeadImporter
from marque_customer.usecases.lifecycle import judging, spending
from marque_customer.usecases.mailboxes import Reading
from marque_customer.usecases.rights import erasing, exports

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    address = kit.settings.peers.get("vehicle")
    vehicles = Vehicles(Peer("vehicle", address, kit.identity)) if address else None
    address = kit.settings.peers.get("network")
    network = Network(Peer("network", address, kit.identity)) if address else None
    address = kit.settings.peers.get("complaint")
    complaints = Complaints(Peer("complaint", address, kit.identity)) if address else None
    settings = Settings.of(kit.settings)
    windows = Windows(
        timedelta(seconds=settings.permit_take_seconds),
        timedelta(seconds=settings.permit_spend_seconds),
        timedelta(seconds=settings.permit_margin_seconds),
    )
    heard = subscriptions()
    readers = {
        "alias": aliases.snapshots,
        "customer": snapshots.customers,
        "lead": snapshots.leads,
    }
    importers: dict[str, Importer] = {
        "ImportCustomers": CustomerImporter(),
        "ImportLeads": LeadImporter(),
        "ImportHoldings": HoldingImporter(),
    }
    personal = PersonalApi(work, windows, kit.sealer)
    others = [
        PersonalRecords(Peer(name, address, kit.identity))
        for name, address in sorted(kit.settings.peers.items())
        if name != "customer" and holds_persons(name)
    ]
    sweeps: dict[str, Sweep] = {
        "duplicates": partial(duplicates.reopen, work=work),
        "lifecycle": partial(judging.sweep, work=work),
        "completeness": partial(counting.sweep, work=work),
        "duplicate-runs-waiting": partial(
            duplicate_runs.give_up, work=work, wait=timedelta(seconds=settings.linking_wait_seconds)
        ),
        "call-backs": partial(call_backs.sweep, work=work, network=network),
        **_rights(kit, work, settings, personal, others),
    }
    if vehicles:
        sweeps["spend"] = partial(spending.sweep, work=work, vehicles=vehicles)
        sweeps["plates"] = partial(plates.sweep, work=work, vehicles=vehicles)
    if network:
        sweeps["lead-routes"] = partial(routing.sweep, work=work, network=network)
        sweeps["calendars"] = partial(calendars.sweep, work=work, network=network)
    if settings.linking_folder:
        alone = partial(
            find_alone,
            database=kit.database,
            work=work,
            folder=settings.linking_folder,
            memory=settings.linking_memory,
        )
        sweeps["duplicate-runs"] = partial(duplicate_runs.sweep, work=work, find=alone)
    if complaints:
        sweeps["inbound-cases"] = partial(inbound_cases.sweep, work=work, complaints=complaints)
    if boxes := mailboxes_of(settings.mailboxes):
        sweeps["mailboxes"] = Reading(work, boxes, settings.mailbox_seconds).sweep
    return Service(
        name="customer",
        migrations=MIGRATIONS,
        servicers=[
            *servicers(work, windows, network),
            ImportApi("customer", work, importers),
            personal,
            IdentityDocumentApi(work, kit.sealer),
            DataExportApi(work, kit.sealer),
            ErasureApi(work, windows),
            RetentionApi(work),
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
        closing=[peer for peer in (vehicles, network, complaints, *others) if peer],
        figures=figures.ALL,
    )


def _rights(
    kit: Kit, work: Work, settings: Settings, personal: PersonalApi, others: Sequence[PersonalRecords]
) -> dict[str, Sweep]:
    """Returns what gathers and erases across the platform; the services asked are those that this one was given the address of."""
    holders: exports.Holders = {one.name: one for one in others} | {"customer": OwnRecords(personal)}
    gathering = exports.Gathering(work, holders, kit.sealer, settings.export_days)
    forgetting = erasing.Erasing(
        work,
        holders,
        kit.audit_keys,
        timedelta(seconds=settings.erasure_settle_seconds),
        timedelta(hours=settings.erasure_retry_hours),
    )
    return {
        "data-exports": partial(exports.sweep, gathering=gathering),
        "erasures": partial(erasing.sweep, erasing=forgetting),
    }
