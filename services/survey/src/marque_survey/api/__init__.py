"""The servicers of the survey service: read the request, call the use case, render the answer."""

from marque_survey.api.calls import CallTaskApi
from marque_survey.api.invitations import InvitationApi
from marque_survey.api.pages import SurveyPageApi
from marque_survey.api.plans import SurveyPlanApi
from marque_survey.api.questionnaires import QuestionnaireApi
from marque_survey.api.results import SurveyResultApi

__all__ = ["CallTaskApi", "InvitationApi", "QuestionnaireApi", "SurveyPageApi", "SurveyPlanApi", "SurveyResultApi"]
