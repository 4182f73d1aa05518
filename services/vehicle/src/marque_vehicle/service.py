"""Wires the vehicle service by hand; nothing happens at import."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import Importer
from servicekit.bulk.worker import import_due
from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.client import Peer
from servicekit.service import Kit, Service

from marque_vehicle import due
from marque_vehicle.api import (
    AppointmentApi,
    CarOrderApi,
    CatalogueApi,
    ChannelDayApi,
    LemonWatchApi,
    MaintenanceApi,
    OdometerApi,
    OwnershipApi,
    PartsOrderApi,
    RecallApi,
    RepairOrderApi,
    RoadsideApi,
    SaleApi,
    ServiceResourceApi,
    VehicleApi,
    VehicleExposureApi,
    WarrantyApi,
    WarrantyClaimApi,
)
from marque_vehicle.clients import Calendars, Customers, Nearest
from marque_vehicle.errors import CONSTRAINTS
from marque_vehicle.handover import VehicleHandOver
from marque_vehicle.personal import VehiclePersonalData
from marque_vehicle.rules.diary import Policy
from marque_vehicle.settings import Settings
from marque_vehicle.subscribers import subscriptions
from marque_vehicle.usecases.imports import (
    ChannelDayImporter,
    PlantStageImporter,
    RecallModelImporter,
    RecallVehicleImporter,
    RepairOrderImporter,
    SaleImporter,
    VehicleImporter,
)
from marque_vehicle.usecases.snapshots import READERS

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    customers, calendars = Customers(_peer(kit, "customer")), Calendars(_peer(kit, "network"))
    nearest = Nearest(_peer(kit, "network"))
    own = _own(kit)
    policy = _policy(own)
    importers: dict[str, Importer] = {
        "ImportVehicles": VehicleImporter(work),
        "ImportSales": SaleImporter(work, customers),
        "ImportRepairOrders": RepairOrderImporter(work, customers),
        "ImportRecallVehicles": RecallVehicleImporter(),
        "ImportRecallModels": RecallModelImporter(),
        "ImportPlantStages": PlantStageImporter(),
        "ImportChannelDays": ChannelDayImporter(work),
    }
    heard = subscriptions()
    return Service(
        name="vehicle",
        migrations=MIGRATIONS,
        servicers=[
            VehicleApi(work),
            SaleApi(work, customers),
            OwnershipApi(work, customers),
            RepairOrderApi(work, customers),
            AppointmentApi(work, customers, calendars, policy),
            ServiceResourceApi(work),
            RecallApi(work),
            LemonWatchApi(work),
            WarrantyApi(work),
            CatalogueApi(work),
            CarOrderApi(work, customers),
            ChannelDayApi(work),
            OdometerApi(work),
            MaintenanceApi(work, own.maintenance_notice_days),
            VehicleExposureApi(work),
            PartsOrderApi(work),
            WarrantyClaimApi(work, own.claim_approval_limit),
            RoadsideApi(work, customers, nearest),
            ImportApi("vehicle", work, importers),
            PersonalDataApi("vehicle", work, _personal(kit)),
            HandOverApi("vehicle", work, VehicleHandOver()),
            OperationsApi("vehicle", work, READERS, heard, kit=kit),
        ],
        due={**import_due(work, importers), **due.handlers(policy), **due.upkeep(own.maintenance_notice_days)},
        subscriptions=heard,
        snapshots=READERS,
        closing=[customers, calendars, nearest],
    )


def _peer(kit: Kit, name: str) -> Peer | None:
    address = kit.settings.peers.get(name)
    return Peer(name, address, kit.identity) if address else None


def _own(kit: Kit) -> Settings:
    """The service's own settings; the migrate step comes with settings of any service."""
    return kit.settings if isinstance(kit.settings, Settings) else Settings()


def _policy(own: Settings) -> Policy:
    return Policy(
        reminder=timedelta(hours=own.appointment_reminder_hours), grace=timedelta(minutes=own.appointment_grace_minutes)
    )


def _personal(kit: Kit) -> VehiclePersonalData:
    own = _own(kit)
    return VehiclePersonalData(sale_retention_years=own.sale_retention_years, warranty_years=own.warranty_years)
