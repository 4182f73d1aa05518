"""Wires the network service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import Importer
from servicekit.bulk.worker import import_due
from servicekit.db.uow import Work
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.service import Kit, Service

from marque_network.api import CalendarApi, DealerApi, DealerImporter, StaffApi, StaffImporter
from marque_network.errors import CONSTRAINTS
from marque_network.personal import NetworkPersonalData
from marque_network.repository.snapshots import READERS
from marque_network.subscribers import subscriptions

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    importers: dict[str, Importer] = {"ImportDealers": DealerImporter(), "ImportStaff": StaffImporter()}
    heard = subscriptions()
    return Service(
        name="network",
        migrations=MIGRATIONS,
        servicers=[
            DealerApi(work),
            CalendarApi(work),
            StaffApi(work),
            ImportApi("network", work, importers),
            PersonalDataApi("network", work, NetworkPersonalData()),
            OperationsApi("network", work, READERS, heard, kit=kit),
        ],
        due=import_due(work, importers),
        subscriptions=heard,
        snapshots=READERS,
    )
