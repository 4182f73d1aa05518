"""Wires the network service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.db.uow import Work
from servicekit.service import Kit, Service

from marque_network.api import CalendarApi, DealerApi, StaffApi
from marque_network.errors import CONSTRAINTS
from marque_network.repository.snapshots import READERS
from marque_network.subscribers import subscriptions

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    return Service(
        name="network",
        migrations=MIGRATIONS,
        servicers=[DealerApi(work), CalendarApi(work), StaffApi(work)],
        subscriptions=subscriptions(),
        snapshots=READERS,
    )
