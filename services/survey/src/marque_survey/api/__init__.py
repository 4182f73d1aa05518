"""The servicers of the survey service: read the request, call the use case, render the answer."""

from marque_survey.api.questionnaires import QuestionnaireApi

__all__ = ["QuestionnaireApi"]
