"""The tables of the complaint service, with their behaviour."""

from marque_complaint.models.base import Model
from marque_complaint.models.cases import Case, CaseClock, CaseEntry, CaseSearch
from marque_complaint.models.policies import CasePolicy, KnownCalendar
from marque_complaint.models.threads import CaseMessage, CaseNote

__all__ = [
    "Case",
    "CaseClock",
    "CaseEntry",
    "CaseMessage",
    "CaseNote",
    "CasePolicy",
    "CaseSearch",
    "KnownCalendar",
    "Model",
]
