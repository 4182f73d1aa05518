"""Asks the sample's people: a published questionnaire, three plans, answers by link, people to be called today. Dealers are ranked, and an
answer raises an alarm.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from marquectl.contract import method
from marquectl.door import Door
from marquectl.world.network import STATIONS

Ask = Callable[..., Message]
_QUESTIONNAIRES, _PLANS = "survey.v1.QuestionnaireService", "survey.v1.SurveyPlanService"
_INVITATIONS, _PAGES = "survey.v1.InvitationService", "survey.v1.SurveyPageService"
NAME = "售后回访 / After your visit"
ASKED, CALLED = 36, 6
_LINK, _CALL, _FINISHED = 2, 3, 5
_STEPS = {
    "INITIATION": "预约与接待",
    "ADVISOR": "服务顾问",
    "FACILITY": "环境设施",
    "PICKUP": "交车",
    "QUALITY": "维修质量",
}
_ENGLISH = {
    "INITIATION": "Arrival",
    "ADVISOR": "Adviser",
    "FACILITY": "Place",
    "PICKUP": "Hand-over",
    "QUALITY": "Work done",
}
_WORDS = ("等待时间太长。", "Nobody called me back.", "价格不透明。")


def document() -> dict[str, Any]:
    """What the questionnaire asks: recommendation, why, and the steps of the service index."""
    questions: list[dict[str, Any]] = [
        {"code": "nps", "kind": 3, "texts": {"zh-CN": "您有多大可能向朋友推荐我们？", "en": "Would you recommend us?"},
         "scale_max": 10, "required": True, "measure": 1},
        {"code": "why", "kind": 4, "texts": {"zh-CN": "请告诉我们原因", "en": "Why?"}, "show_if": "answers.nps <= 6"},
    ]  # fmt: skip
    for factor, words in _STEPS.items():
        texts = {"zh-CN": words, "en": _ENGLISH[factor]}
        rated = {"scale_min": 1, "scale_max": 10, "factor": factor}
        questions.append({"code": factor.lower(), "kind": 3, "texts": texts, **rated})
    return {
        "languages": ["zh-CN", "en"],
        "titles": {"zh-CN": "售后服务回访", "en": "After your visit"},
        "thanks": {"zh-CN": "感谢您的时间。", "en": "Thank you for your time."},
        "questions": questions,
        "alarm_rules": [{"code": "DETRACTOR", "condition": "answers.nps <= 2"}],
        "index": "CSI",
        "market": "CN",
    }


class Surveys:
    """Writes them. `request` makes a request with a key of its own."""

    def __init__(
        self, door: Door, dealer_ids: Mapping[str, str], customer_ids: Mapping[str, str], request: Ask
    ) -> None:
        self._door = door
        self._dealer_ids = dealer_ids
        self._customer_ids = customer_ids
        self._request = request

    async def begin(self) -> str:
        """Publishes the questionnaire with its plans, where there is none; returns its id."""
        listing = f"{_QUESTIONNAIRES}/ListQuestionnaires"
        known = [one for one in (await self._ask(listing, page_size=1000)).questionnaires if one.name == NAME]
        if known and known[0].number:
            questionnaire = str(known[0].questionnaire_id)
        else:
            create = f"{_QUESTIONNAIRES}/CreateQuestionnaire"
            given = {"name": NAME, "document": document()}
            request = self._request(create, "survey")
            json_format.ParseDict({"questionnaire": given}, request)
            questionnaire = str((await self._door.call(create, request)).questionnaire_id)
            await self._write(f"{_QUESTIONNAIRES}/PublishQuestionnaire", "survey", questionnaire_id=questionnaire)
        if not (await self._ask(f"{_PLANS}/ListSurveyPlans", page_size=1)).plans:
            for trigger, way, name, days in (
                (2, 3, "到店后三天 / Three days after a visit", 3),
                (3, 1, "投诉结案 / After a case", 0),
                (5, 2, "半年未到店 / Not seen for six months", 182),
            ):
                plan = {"name": name, "questionnaire_id": questionnaire, "trigger": trigger, "way": way, "active": True}
                request = self._request(f"{_PLANS}/CreateSurveyPlan", f"plan-{trigger}")
                json_format.ParseDict({"plan": {**plan, "delay_days": days, "dealer_quota": 200}}, request)
                await self._door.call(f"{_PLANS}/CreateSurveyPlan", request)
        return questionnaire

    def works(self, questionnaire: str) -> list[Coroutine[Any, Any, None]]:
        """Returns the asking of each person."""
        people = sorted(self._customer_ids.items())
        asking = enumerate(people[:ASKED])
        answered = [self._one(number, person, questionnaire) for number, (_, person) in asking]
        calls = [self._to_be_called(at, person, questionnaire) for at, (_, person) in enumerate(people[-CALLED:])]
        return answered + calls

    async def _to_be_called(self, number: int, person: str, questionnaire: str) -> None:
        """Somebody whom an agent calls today, who agreed to that."""
        known = (await self._ask(f"{_INVITATIONS}/ListInvitations", customer_id=person, page_size=10)).invitations
        if any(one.channel == _CALL for one in known):
            return
        grant = self._request("customer.v1.ConsentService/GrantConsent", f"call-consent-{number}", customer_id=person)
        entry = {"purpose": "CONSENT_PURPOSE_RESEARCH", "channel": "CHANNEL_PHONE", "text_version": "2026-01",
                 "source": "showroom", "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"}}  # fmt: skip
        await self._door.call("customer.v1.ConsentService/GrantConsent", json_format.ParseDict({"entry": entry}, grant))
        asked = {"questionnaire_id": questionnaire, "customer_id": person, "channel": _CALL}
        at = STATIONS[number % min(3, len(STATIONS))].code
        await self._write(f"{_INVITATIONS}/CreateInvitation", f"call-{number}", dealer_id=self._dealer_ids[at], **asked)

    async def _one(self, number: int, person: str, questionnaire: str) -> None:
        known = (await self._ask(f"{_INVITATIONS}/ListInvitations", customer_id=person, page_size=10)).invitations
        if any(one.state == _FINISHED for one in known):
            return
        at = number % min(3, len(STATIONS))
        asked = {"questionnaire_id": questionnaire, "customer_id": person, "channel": _LINK}
        invitation = await self._write(
            f"{_INVITATIONS}/CreateInvitation", f"ask-{number}", dealer_id=self._dealer_ids[STATIONS[at].code], **asked
        )
        token, dice = invitation.link.removeprefix("/s/"), random.Random(f"answers:{number}")
        nps = 1 if number == 1 else max(3, min(10, round(dice.gauss(8.6 - at, 1.6))))
        answers: list[dict[str, Any]] = [{"question_code": "nps", "number": nps}]
        if nps <= 6:
            answers.append({"question_code": "why", "text": _WORDS[number % len(_WORDS)]})
        for factor in _STEPS:
            rated = max(1, min(10, round(dice.gauss(8.3 - at / 2, 1.2))))
            answers.append({"question_code": factor.lower(), "number": rated})
        for sequence, answer in enumerate(answers, start=1):
            request = self._request(f"{_PAGES}/SaveSurveyAnswer", f"answer-{number}-{sequence}", token=token)
            told = {"answer": answer, "submission_id": "sample", "sequence": sequence}
            await self._door.call(f"{_PAGES}/SaveSurveyAnswer", json_format.ParseDict(told, request))
        await self._write(f"{_PAGES}/FinishSurvey", f"finish-{number}", token=token)

    async def _ask(self, name: str, **fields: Any) -> Any:
        return await self._door.call(name, method(name).input(**fields))

    async def _write(self, name: str, key: str, **fields: Any) -> Any:
        return await self._door.call(name, self._request(name, key, **fields))
