"""Imports of the vehicle service: a chunk of rows in a few statements, whatever its size."""

from marque_vehicle.usecases.imports.channel_days import ChannelDayImporter
from marque_vehicle.usecases.imports.plant_stages import PlantStageImporter
from marque_vehicle.usecases.imports.recall_models import RecallModelImporter
from marque_vehicle.usecases.imports.recalls import RecallVehicleImporter
from marque_vehicle.usecases.imports.repair_orders import RepairOrderImporter
from marque_vehicle.usecases.imports.sales import SaleImporter
from marque_vehicle.usecases.imports.vehicles import VehicleImporter

__all__ = [
    "ChannelDayImporter",
    "PlantStageImporter",
    "RecallModelImporter",
    "RecallVehicleImporter",
    "RepairOrderImporter",
    "SaleImporter",
    "VehicleImporter",
]
