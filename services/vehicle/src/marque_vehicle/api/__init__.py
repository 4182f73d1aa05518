"""The servicers of the vehicle service: read the request, call the use case, render the answer."""

from marque_vehicle.api.appointments import AppointmentApi
from marque_vehicle.api.car_orders import CarOrderApi
from marque_vehicle.api.catalogue import CatalogueApi
from marque_vehicle.api.channel_days import ChannelDayApi
from marque_vehicle.api.exposure import VehicleExposureApi
from marque_vehicle.api.lemon import LemonWatchApi
from marque_vehicle.api.maintenance import MaintenanceApi
from marque_vehicle.api.odometer import OdometerApi
from marque_vehicle.api.ownerships import OwnershipApi
from marque_vehicle.api.parts_orders import PartsOrderApi
from marque_vehicle.api.recalls import RecallApi
from marque_vehicle.api.repair_orders import RepairOrderApi
from marque_vehicle.api.roadside import RoadsideApi
from marque_vehicle.api.sales import SaleApi
from marque_vehicle.api.service_resources import ServiceResourceApi
from marque_vehicle.api.vehicles import VehicleApi
from marque_vehicle.api.warranty import WarrantyApi
from marque_vehicle.api.warranty_claims import WarrantyClaimApi

__all__ = [
    "AppointmentApi",
    "CarOrderApi",
    "CatalogueApi",
    "ChannelDayApi",
    "LemonWatchApi",
    "MaintenanceApi",
    "OdometerApi",
    "OwnershipApi",
    "PartsOrderApi",
    "RecallApi",
    "RepairOrderApi",
    "RoadsideApi",
    "SaleApi",
    "ServiceResourceApi",
    "VehicleApi",
    "VehicleExposureApi",
    "WarrantyApi",
    "WarrantyClaimApi",
]
