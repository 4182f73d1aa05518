"""The servicers of the network service: read the request, call the use case, render the answer."""

from marque_network.api.agreements import DealerAgreementApi
from marque_network.api.assignments import AssignmentApi
from marque_network.api.calendars import CalendarApi
from marque_network.api.dealers import DealerApi
from marque_network.api.hand_overs import HandOversApi
from marque_network.api.imports import DealerImporter, KpiValueImporter, StaffImporter, TargetImporter
from marque_network.api.partnership import DealerAdmissionApi, DealerContactApi
from marque_network.api.provisioning import ProvisioningApi
from marque_network.api.scorecards import DealerScorecardApi
from marque_network.api.staff import StaffApi
from marque_network.api.targets import TargetApi
from marque_network.api.territories import DealerTerritoryApi
from marque_network.api.visits import DealerVisitApi

__all__ = [
    "AssignmentApi",
    "CalendarApi",
    "DealerAdmissionApi",
    "DealerAgreementApi",
    "DealerApi",
    "DealerContactApi",
    "DealerImporter",
    "DealerScorecardApi",
    "DealerTerritoryApi",
    "DealerVisitApi",
    "HandOversApi",
    "KpiValueImporter",
    "ProvisioningApi",
    "StaffApi",
    "StaffImporter",
    "TargetApi",
    "TargetImporter",
]
