"""The tables of the network service, with their behaviour."""

from marque_network.models.assignments import Assignment, StaffLoad, StaffPresence
from marque_network.models.base import Change, Model
from marque_network.models.calendars import WorkCalendar
from marque_network.models.dealers import Dealer, DealerStatusChange
from marque_network.models.hand_overs import HandOver, HandOverItem, HandOverStep, Report
from marque_network.models.partnership import (
    NO_END,
    DealerAdmission,
    DealerAgreement,
    DealerAgreementVersion,
    DealerContact,
)
from marque_network.models.scores import Kpi, KpiValue, ScorecardModel, Target
from marque_network.models.staff import Membered, Provisioned, Staff, StaffGroup, StaffGroupMember
from marque_network.models.territories import DealerTerritory
from marque_network.models.visits import DealerVisit, DealerVisitAction

__all__ = [
    "NO_END",
    "Assignment",
    "Change",
    "Dealer",
    "DealerAdmission",
    "DealerAgreement",
    "DealerAgreementVersion",
    "DealerContact",
    "DealerStatusChange",
    "DealerTerritory",
    "DealerVisit",
    "DealerVisitAction",
    "HandOver",
    "HandOverItem",
    "HandOverStep",
    "Kpi",
    "KpiValue",
    "Membered",
    "Model",
    "Provisioned",
    "Report",
    "ScorecardModel",
    "Staff",
    "StaffGroup",
    "StaffGroupMember",
    "StaffLoad",
    "StaffPresence",
    "Target",
    "WorkCalendar",
]
