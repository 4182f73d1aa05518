"""Permissions of the survey service, grouped by what people do with surveys. A line is `service.collection: verbs`."""

from __future__ import annotations

QUESTIONNAIRE_LOOK = "survey.questionnaires: read list"
QUESTIONNAIRE_WORK = "survey.questionnaires: create read list update publish duplicate import preview"

HELD: dict[str, tuple[str, ...]] = {
    "dealer.manager": (QUESTIONNAIRE_LOOK,),
    "oem.agent": (QUESTIONNAIRE_LOOK,),
    "oem.quality": (QUESTIONNAIRE_LOOK,),
    "oem.region": (QUESTIONNAIRE_LOOK,),
    "oem.marketing": (QUESTIONNAIRE_LOOK,),
    "oem.research": (QUESTIONNAIRE_WORK,),
    "oem.manager": (QUESTIONNAIRE_WORK,),
    "oem.admin": (QUESTIONNAIRE_WORK,),
    "service": (QUESTIONNAIRE_WORK,),
}
"""What each role holds."""
