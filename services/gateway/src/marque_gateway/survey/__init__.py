"""The page on which people answer surveys: `/s/{token}`, for anybody who has the link; and its preview for staff."""

from marque_gateway.survey.door import ASSETS, PATH, RULES, STOP, Look, StopDoor, SurveyDoor
from marque_gateway.survey.preview import PATH as PREVIEW
from marque_gateway.survey.preview import PreviewDoor

__all__ = ["ASSETS", "PATH", "PREVIEW", "RULES", "STOP", "Look", "PreviewDoor", "StopDoor", "SurveyDoor"]
