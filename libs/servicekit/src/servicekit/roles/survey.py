"""Permissions of the survey service, grouped by what people do with surveys. A line is `service.collection: verbs`."""

from __future__ import annotations

QUESTIONNAIRE_LOOK = "survey.questionnaires: read list"
QUESTIONNAIRE_WORK = "survey.questionnaires: create read list update publish duplicate import preview"
PLAN_LOOK = "survey.plans: read list"
PLAN_WORK = "survey.plans: create read list update"
# Who is asked and what they answered: a person's own, what is worked with at a dealer or the contact centre, and what those see who look.
ANSWER_OWN = "survey.invitations: read list\nsurvey.responses: read"
ANSWER_LOOK = "survey.invitations: read list\nsurvey.responses: read\nsurvey.alarms: list"
ANSWER_WORK = ANSWER_LOOK + "\nsurvey.invitations: create resend"
RESULT_LOOK = "survey.results: read rank explain themes\nsurvey.weight_sets: list\nsurvey.waves: list"
# Who calls, and who looks at calls again and at how calling goes.
CALL_WORK = "survey.calls: list read take dial answer end"
CALL_LOOK = "survey.calls: list read\nsurvey.call_figures: read"
CALL_LEAD = CALL_WORK + "\nsurvey.calls: check\nsurvey.call_figures: read"
_DESK = (QUESTIONNAIRE_LOOK, ANSWER_WORK, CALL_WORK)
_ALL = (
    QUESTIONNAIRE_WORK,
    PLAN_WORK,
    ANSWER_WORK,
    RESULT_LOOK,
    CALL_LEAD,
    "survey.weight_sets: create\nsurvey.waves: start",
)

HELD: dict[str, tuple[str, ...]] = {
    "owner": (ANSWER_OWN,),
    "dealer.sales": _DESK,
    "dealer.service": _DESK,
    "dealer.care": _DESK,
    "dealer.manager": (*_DESK, RESULT_LOOK, CALL_LEAD),
    "dealer.system": (ANSWER_LOOK,),
    "oem.agent": _DESK,
    "oem.keyaccount": _DESK,
    "oem.quality": (QUESTIONNAIRE_LOOK, ANSWER_LOOK, RESULT_LOOK),
    "oem.region": (QUESTIONNAIRE_LOOK, PLAN_LOOK, ANSWER_LOOK, RESULT_LOOK, CALL_LOOK),
    "oem.marketing": (QUESTIONNAIRE_LOOK, RESULT_LOOK),
    "oem.research": (QUESTIONNAIRE_WORK, RESULT_LOOK),
    "oem.manager": _ALL,
    "oem.admin": _ALL,
    "service": _ALL,
}
"""What each role holds."""
