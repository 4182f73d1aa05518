"""The tables of the complaint service, with their behaviour."""

from marque_complaint.models.attachments import CaseAttachment
from marque_complaint.models.base import Model
from marque_complaint.models.cases import Case, CaseClock, CaseEntry, CasePrint, CaseSearch
from marque_complaint.models.defects import DefectFollower, DefectNotice, DefectScan, DefectSignal
from marque_complaint.models.exposure import KnownCar, KnownDeed, KnownStage
from marque_complaint.models.goodwill import Goodwill, GoodwillPolicy
from marque_complaint.models.knowledge import KnowledgeArticle, KnowledgeRating, KnowledgeVersion
from marque_complaint.models.learning import CaseFact, CaseMark, CaseSuggester, CaseTerm
from marque_complaint.models.policies import CasePolicy, KnownCalendar
from marque_complaint.models.tasks import CaseStep, CaseTask
from marque_complaint.models.threads import CaseMessage, CaseNote
from marque_complaint.models.tools import CaseMacro, CaseView

__all__ = [
    "Case",
    "CaseAttachment",
    "CaseClock",
    "CaseEntry",
    "CaseFact",
    "CaseMacro",
    "CaseMark",
    "CaseMessage",
    "CaseNote",
    "CasePolicy",
    "CasePrint",
    "CaseSearch",
    "CaseStep",
    "CaseSuggester",
    "CaseTask",
    "CaseTerm",
    "CaseView",
    "DefectFollower",
    "DefectNotice",
    "DefectScan",
    "DefectSignal",
    "Goodwill",
    "GoodwillPolicy",
    "KnowledgeArticle",
    "KnowledgeRating",
    "KnowledgeVersion",
    "KnownCalendar",
    "KnownCar",
    "KnownDeed",
    "KnownStage",
    "Model",
]
