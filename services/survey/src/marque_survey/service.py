"""Wires the survey service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.service import Kit, Service

from marque_survey.api import QuestionnaireApi
from marque_survey.errors import CONSTRAINTS
from marque_survey.handover import SurveyHandOver
from marque_survey.personal import SurveyPersonalData
from marque_survey.subscribers import subscriptions

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    heard = subscriptions()
    return Service(
        name="survey",
        migrations=MIGRATIONS,
        servicers=[
            QuestionnaireApi(work),
            PersonalDataApi("survey", work, SurveyPersonalData()),
            HandOverApi("survey", work, SurveyHandOver()),
            OperationsApi("survey", work, {}, heard, kit=kit),
        ],
        subscriptions=heard,
    )
