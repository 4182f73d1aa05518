"""marque.survey.v1.SurveyPageService."""

from __future__ import annotations

import re
import uuid
from typing import Any

from marque.survey.v1 import survey_page_service_pb2
from servicekit import fields
from servicekit.db.base import now
from servicekit.db.uow import Work
from servicekit.rpc.call import Call
from servicekit.sealing.tokens import Digests

from marque_survey.clients import Customers
from marque_survey.errors import SurveyLinkUnknown
from marque_survey.mapping import answers as answer_mapping
from marque_survey.mapping import pages as mapping
from marque_survey.repository import invitations as repository
from marque_survey.repository import questionnaires
from marque_survey.rules import document as documents
from marque_survey.rules import kinds, links
from marque_survey.usecases import answering, stopping

_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$")


class SurveyPageApi:
    """marque.survey.v1.SurveyPageService. Who calls is nobody in particular: the token of the link is all that counts."""

    service = "marque.survey.v1.SurveyPageService"

    def __init__(self, work: Work, digests: Digests, customers: Customers) -> None:
        self._work = work
        self._digests = digests
        self._customers = customers

    async def GetSurveyPage(self, request: Any, call: Call) -> Any:
        invitation_id = self._read(request.token)
        row = await repository.by_id(self._work.reader, invitation_id)
        if row is None or not row["send_count"]:
            raise SurveyLinkUnknown()
        asked = await questionnaires.get(self._work.reader, row["questionnaire_id"], row["questionnaire_number"])
        assert asked is not None  # versions are never deleted
        document = documents.frozen(row["questionnaire_id"], row["questionnaire_number"], asked["document"])
        kept = await repository.read_answers(self._work.reader, invitation_id)
        state = mapping.OPEN if answering.is_open(row, now()) else mapping.EXPIRED
        state = mapping.FINISHED if row["state"] == kinds.FINISHED else state
        language = document.language_for([*_languages(request.languages), row["language"]])
        given = {code: one["value"] for code, one in kept.items()}
        return mapping.page(state, language, document, asked["document"], given)

    async def SaveSurveyAnswer(self, request: Any, call: Call) -> Any:
        return await answering.save(
            uow=self._work(_unnamed(call), _render),
            invitation_id=self._read(request.token),
            code=request.answer.question_code,
            value=answer_mapping.value_of(request.answer, "answer"),
            submission=(request.submission_id, request.sequence),
        )

    async def FinishSurvey(self, request: Any, call: Call) -> Any:
        return await answering.finish(uow=self._work(_unnamed(call), _render), invitation_id=self._read(request.token))

    async def StopSurveyMails(self, request: Any, call: Call) -> Any:
        await stopping.stop(
            reader=self._work.reader, customers=self._customers, invitation_id=self._read(request.token)
        )
        return survey_page_service_pb2.StopSurveyMailsResponse()

    def _read(self, token: str) -> uuid.UUID:
        found = links.read(token, self._digests)
        if found is None:
            raise SurveyLinkUnknown()
        return found[0]


def _unnamed(call: Call) -> Call:
    """The call without its request id: all who are not signed in are one principal, so one's key could meet another's."""
    return Call(call.principal, call.method, correlation_id=call.correlation_id, language=call.language)


def _render(found: tuple[Any, documents.Document, dict[str, Any]]) -> Any:
    row, document, given = found
    state = mapping.FINISHED if row.state == kinds.FINISHED else mapping.OPEN
    kept = {"languages": list(document.languages), "titles": dict(document.titles), "thanks": dict(document.thanks)}
    return mapping.page(state, fields.text(row.language), document, kept, given)


def _languages(header: str) -> list[str]:
    """The languages of an `Accept-Language`, the best first."""
    found = []
    for place, part in enumerate(header.split(",")[:20]):
        name, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            quality = 0.0
        if _LANGUAGE.match(name.strip()) and quality > 0:
            found.append((-quality, place, name.strip()))
    return [name for _, _, name in sorted(found)]
