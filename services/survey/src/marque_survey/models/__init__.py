"""The tables of the survey service, with their behaviour."""

from marque_survey.models.base import Model
from marque_survey.models.invitations import Invitation, SurveyAnswer, SurveyPlan, SurveyQuota
from marque_survey.models.questionnaires import Questionnaire, QuestionnaireVersion
from marque_survey.models.scores import SurveyAlarm, SurveyScore, WeightSet

__all__ = [
    "Invitation",
    "Model",
    "Questionnaire",
    "QuestionnaireVersion",
    "SurveyAlarm",
    "SurveyAnswer",
    "SurveyPlan",
    "SurveyQuota",
    "SurveyScore",
    "WeightSet",
]
