"""Wires the network service by hand; nothing happens at import."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from marque.type.v1 import hand_over_pb2
from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import Importer
from servicekit.bulk.worker import import_due
from servicekit.db.uow import Work
from servicekit.handover import HandOver, HandOverApi, step
from servicekit.messaging.inbox import SYSTEM
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.call import Call
from servicekit.service import Kit, Service

from marque_network import due
from marque_network.api import (
    AssignmentApi,
    CalendarApi,
    DealerAdmissionApi,
    DealerAgreementApi,
    DealerApi,
    DealerContactApi,
    DealerImporter,
    DealerScorecardApi,
    DealerTerritoryApi,
    DealerVisitApi,
    HandOversApi,
    KpiValueImporter,
    ProvisioningApi,
    StaffApi,
    StaffImporter,
    TargetApi,
    TargetImporter,
)
from marque_network.clients import Neighbours
from marque_network.errors import CONSTRAINTS
from marque_network.handover import NetworkHandOver
from marque_network.personal import NetworkPersonalData
from marque_network.repository.snapshots import READERS
from marque_network.subscribers import subscriptions
from marque_network.usecases import hand_overs

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    importers: dict[str, Importer] = {
        "ImportDealers": DealerImporter(),
        "ImportStaff": StaffImporter(),
        "ImportTargets": TargetImporter(),
        "ImportKpiValues": KpiValueImporter(),
    }
    heard, rows = subscriptions(), NetworkHandOver()
    neighbours = Neighbours(kit.settings.peers, kit.identity)
    return Service(
        name="network",
        migrations=MIGRATIONS,
        servicers=[
            DealerApi(work),
            DealerTerritoryApi(work),
            DealerAdmissionApi(work),
            DealerContactApi(work),
            DealerVisitApi(work),
            DealerAgreementApi(work),
            DealerScorecardApi(work),
            TargetApi(work),
            CalendarApi(work),
            StaffApi(work),
            ProvisioningApi(work),
            AssignmentApi(work),
            HandOversApi(work),
            HandOverApi("network", work, rows),
            ImportApi("network", work, importers),
            PersonalDataApi("network", work, NetworkPersonalData()),
            OperationsApi("network", work, READERS, heard, kit=kit),
        ],
        due={**import_due(work, importers), **due.handlers()},
        subscriptions=heard,
        snapshots=READERS,
        sweeps={"hand_overs": partial(hand_overs.sweep, work=work, ask=_asking(work, rows, neighbours))},
        closing=[neighbours],
    )


def _asking(work: Work, rows: HandOver, neighbours: Neighbours) -> hand_overs.Ask:
    """Returns who is asked for the rows of a service: this one itself, or a neighbour."""

    async def ask(service: str, request: hand_over_pb2.HandOverRequest) -> hand_over_pb2.HandOverResponse:
        if service != "network":
            return await neighbours.hand_over(service, request)
        async with (uow := work(Call(SYSTEM, "hand_over"))):
            return await step(uow, rows, request)

    return ask
