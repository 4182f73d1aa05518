"""Wires the complaint service by hand; nothing happens at import."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import Importer
from servicekit.bulk.worker import import_due
from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.objects import FileStore, ObjectStore
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.client import Peer
from servicekit.scanner import ClamAv, Scanner
from servicekit.service import Kit, Service
from servicekit.sweeps import Sweep

from marque_complaint import due
from marque_complaint.api import (
    CaseApi,
    CaseAttachmentApi,
    CaseCountApi,
    CaseGoodwillApi,
    CasePolicyApi,
    CaseRelationApi,
    CaseTaskApi,
    CaseTaxonomyApi,
    CaseThreadApi,
    CaseToolApi,
    DefectSignalApi,
    KnowledgeApi,
)
from marque_complaint.clients import Customers, Network, Vehicles
from marque_complaint.errors import CONSTRAINTS
from marque_complaint.handover import ComplaintHandOver
from marque_complaint.personal import ComplaintPersonalData
from marque_complaint.rules import figures
from marque_complaint.settings import Settings
from marque_complaint.subscribers import subscriptions
from marque_complaint.usecases import assigning, timers
from marque_complaint.usecases.attaching import Orphans
from marque_complaint.usecases.counting import Counting
from marque_complaint.usecases.defects import Scanning
from marque_complaint.usecases.importing import CaseImporter
from marque_complaint.usecases.scanning import Scans
from marque_complaint.usecases.snapshots import READERS
from marque_complaint.usecases.suggesting import Suggester, Training

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    customers, network = Customers(_peer(kit, "customer")), Network(_peer(kit, "network"))
    importers: dict[str, Importer] = {"ImportCases": CaseImporter(work)}
    vehicles, suggester = Vehicles(_peer(kit, "vehicle")), Suggester()
    heard, store, scanner = subscriptions(), _store(kit), _scanner(kit)
    sweeps: dict[str, Sweep] = {
        "case-facts": Counting(work, suggester),
        "case-suggester": Training(work),
        "defects": Scanning(work, vehicles),
    }
    if store is not None:
        sweeps["case-attachments"] = Orphans(work, store)
        if scanner is not None:
            sweeps["case-scans"] = Scans(work, store, scanner)
    asking: dict[str, Sweep] = {
        "calendars": partial(timers.ask_hours, work=work, network=network),
        "case-assignments": partial(assigning.sweep, work=work, network=network),
    }
    return Service(
        name="complaint",
        migrations=MIGRATIONS,
        servicers=[
            CaseApi(work, customers),
            CaseThreadApi(work),
            CaseAttachmentApi(work, store, scanner),
            CasePolicyApi(work),
            CaseRelationApi(work),
            CaseTaxonomyApi(work, suggester),
            CaseCountApi(work),
            CaseGoodwillApi(work),
            CaseTaskApi(work),
            CaseToolApi(work),
            DefectSignalApi(work),
            KnowledgeApi(work),
            ImportApi("complaint", work, importers),
            PersonalDataApi("complaint", work, ComplaintPersonalData()),
            HandOverApi("complaint", work, ComplaintHandOver()),
            OperationsApi("complaint", work, READERS, heard, kit=kit),
        ],
        due={**import_due(work, importers), **due.handlers(store)},
        subscriptions=heard,
        snapshots=READERS,
        figures=figures.ALL,
        sweeps={**sweeps, **asking} if "network" in kit.settings.peers else sweeps,
        closing=[customers, network, vehicles],
    )


def _store(kit: Kit) -> ObjectStore | None:
    folder = kit.settings.objects_folder if isinstance(kit.settings, Settings) else None
    return FileStore(folder) if folder is not None else None


def _scanner(kit: Kit) -> Scanner | None:
    address = kit.settings.scanner_address if isinstance(kit.settings, Settings) else ""
    return ClamAv(address) if address else None


def _peer(kit: Kit, name: str) -> Peer | None:
    address = kit.settings.peers.get(name)
    return Peer(name, address, kit.identity) if address else None
