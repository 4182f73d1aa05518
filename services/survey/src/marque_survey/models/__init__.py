"""The tables of the survey service, with their behaviour."""

from marque_survey.models.base import Model
from marque_survey.models.calls import CallAttempt, CallTask
from marque_survey.models.invitations import Invitation, SurveyAnswer, SurveyPlan, SurveyQuota
from marque_survey.models.questionnaires import Questionnaire, QuestionnaireVersion, SurveyWave
from marque_survey.models.scores import SurveyAlarm, SurveyFactor, SurveyScore, SurveyText, WeightSet
from marque_survey.models.sightings import CarSighting

__all__ = [
    "CallAttempt",
    "CallTask",
    "CarSighting",
    "Invitation",
    "Model",
    "Questionnaire",
    "QuestionnaireVersion",
    "SurveyAlarm",
    "SurveyAnswer",
    "SurveyFactor",
    "SurveyPlan",
    "SurveyQuota",
    "SurveyScore",
    "SurveyText",
    "SurveyWave",
    "WeightSet",
]
