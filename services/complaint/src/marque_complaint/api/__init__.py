"""The servicers of the complaint service: read the request, call the use case, render the answer."""

from marque_complaint.api.attachments import CaseAttachmentApi
from marque_complaint.api.cases import CaseApi
from marque_complaint.api.defects import DefectSignalApi
from marque_complaint.api.goodwill import CaseGoodwillApi
from marque_complaint.api.knowledge import KnowledgeApi
from marque_complaint.api.learning import CaseCountApi, CaseTaxonomyApi
from marque_complaint.api.policies import CasePolicyApi
from marque_complaint.api.relations import CaseRelationApi
from marque_complaint.api.tasks import CaseTaskApi
from marque_complaint.api.threads import CaseThreadApi
from marque_complaint.api.tools import CaseToolApi

__all__ = [
    "CaseApi",
    "CaseAttachmentApi",
    "CaseCountApi",
    "CaseGoodwillApi",
    "CasePolicyApi",
    "CaseRelationApi",
    "CaseTaskApi",
    "CaseTaxonomyApi",
    "CaseThreadApi",
    "CaseToolApi",
    "DefectSignalApi",
    "KnowledgeApi",
]
