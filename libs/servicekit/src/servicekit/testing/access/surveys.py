"""A questionnaire and a plan of the maker, and at every place of the world an invitation whose answers raised an alarm."""

from __future__ import annotations

from typing import Any

from servicekit.testing.access.registry import Row

_PLACES = ("own", "desk", "group", "region", "other", "maker")
_DOCUMENT = {
    "languages": ["en"],
    "titles": {"en": "After the visit"},
    "questions": [
        {
            "code": "nps",
            "kind": "QUESTION_KIND_RATING",
            "texts": {"en": "Would you?"},
            "scaleMax": 10,
            "measure": "QUESTION_MEASURE_NPS",
        }
    ],
    "alarmRules": [{"code": "LOW", "condition": "answers.nps <= 6"}],
}


async def make(cast: Any) -> None:
    """Makes the rows; `cast` has the dealers and customers of all places."""
    made = await cast.post("oem.manager", "/v1/questionnaires", {"name": "Visit", "document": _DOCUMENT})
    questionnaire = made["questionnaireId"]
    await cast.post("oem.manager", f"/v1/questionnaires/{questionnaire}:publish", {})
    cast.rows["questionnaire"] = {"maker": Row("maker", questionnaire)}
    plan = {"name": "Visits", "questionnaireId": questionnaire, "trigger": "SURVEY_TRIGGER_VISIT"}
    held = await cast.post("oem.manager", "/v1/surveyPlans", plan)
    cast.rows["survey plan"] = {"maker": Row("maker", held["planId"])}
    dealers = cast.rows["dealer"]
    facts = {"questionnaire": questionnaire}
    cast.rows["survey desk"] = {place: Row(place, row.id, {**row.facts, **facts}) for place, row in dealers.items()}
    for place in _PLACES:
        await _answered(cast, place, questionnaire)
    for place in _PLACES:
        await _to_be_called(cast, place, questionnaire)
    opened, token = await _invited(cast, "maker", questionnaire)
    cast.rows["open survey page"] = {"maker": Row("maker", opened, {"code": token})}


async def _answered(cast: Any, place: str, questionnaire: str) -> None:
    invitation, token = await _invited(cast, place, questionnaire)
    answer = {"answer": {"questionCode": "nps", "number": 2}, "submissionId": "suite", "sequence": 1}
    await cast.post("oem.manager", f"/v1/surveyPages/{token}:answer", answer)
    await cast.post("oem.manager", f"/v1/surveyPages/{token}:finish", {})
    cast.rows.setdefault("invitation", {})[place] = Row(place, invitation, {"code": token})
    cast.rows["survey page"] = cast.rows["invitation"]


async def _to_be_called(cast: Any, place: str, questionnaire: str) -> None:
    made = await cast.post("oem.manager", "/v1/surveyInvitations", _asked(cast, place, questionnaire, "CALL"))
    query = f"/v1/callTasks?invitation_id={made['invitationId']}"
    task = (await cast.send("GET", query, "oem.manager", {}))["callTasks"][0]["callTaskId"]
    cast.rows.setdefault("call task", {})[place] = Row(place, task)


def _asked(cast: Any, place: str, questionnaire: str, channel: str) -> dict[str, Any]:
    asked = {
        "questionnaireId": questionnaire,
        "customerId": cast.row("customer", place).id,
        "channel": f"INVITATION_CHANNEL_{channel}",
    }
    if place != "maker":
        dealers = cast.rows["dealer"]
        asked["dealerId"] = dealers[place if place in dealers else "own"].id
    return asked


async def _invited(cast: Any, place: str, questionnaire: str) -> tuple[str, str]:
    made = await cast.post("oem.manager", "/v1/surveyInvitations", _asked(cast, place, questionnaire, "LINK"))
    return made["invitationId"], made["link"].removeprefix("/s/")
