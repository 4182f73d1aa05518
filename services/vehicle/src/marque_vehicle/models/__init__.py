"""The tables of the vehicle service, with their behaviour."""

from marque_vehicle.models.appointments import Appointment, DealerHours, ServiceResource
from marque_vehicle.models.base import Model
from marque_vehicle.models.car_orders import CarOrder, CarOrderLate, ChannelDay, PlantMessage
from marque_vehicle.models.catalogue import CatalogueModel, CataloguePrice
from marque_vehicle.models.maintenance import MaintenancePlan
from marque_vehicle.models.parts_orders import PartsOrder
from marque_vehicle.models.recalls import Recall, RecallScope
from marque_vehicle.models.repair_orders import RepairOrder
from marque_vehicle.models.roadside import RoadsideCase
from marque_vehicle.models.sales import Ownership, Sale
from marque_vehicle.models.vehicles import Vehicle, VehicleSearch
from marque_vehicle.models.warranty import WarrantyTerm
from marque_vehicle.models.warranty_claims import WarrantyClaim

__all__ = [
    "Appointment",
    "CarOrder",
    "CarOrderLate",
    "CatalogueModel",
    "CataloguePrice",
    "ChannelDay",
    "DealerHours",
    "MaintenancePlan",
    "Model",
    "Ownership",
    "PartsOrder",
    "PlantMessage",
    "Recall",
    "RecallScope",
    "RepairOrder",
    "RoadsideCase",
    "Sale",
    "ServiceResource",
    "Vehicle",
    "VehicleSearch",
    "WarrantyClaim",
    "WarrantyTerm",
]
