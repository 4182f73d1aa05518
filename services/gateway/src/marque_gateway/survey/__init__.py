"""The page on which people answer surveys: `/s/{token}`, for anybody who has the link."""

from marque_gateway.survey.door import ASSETS, PATH, SurveyDoor

__all__ = ["ASSETS", "PATH", "SurveyDoor"]
