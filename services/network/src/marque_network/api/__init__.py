"""The servicers of the network service: read the request, call the use case, render the answer."""

from marque_network.api.calendars import CalendarApi
from marque_network.api.dealers import DealerApi
from marque_network.api.imports import DealerImporter, StaffImporter
from marque_network.api.staff import StaffApi

__all__ = ["CalendarApi", "DealerApi", "DealerImporter", "StaffApi", "StaffImporter"]
