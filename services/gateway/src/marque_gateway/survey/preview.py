"""`GET /v1/questionnaires/{questionnaire_id}/page`: the page as people will see it, for who makes questionnaires. Nothing is kept of it."""

from __future__ import annotations

from typing import Any

from marque.survey.v1 import questionnaire_pb2, survey_page_service_pb2
from marque.survey.v1 import questionnaire_service_pb2 as rpc
from servicekit.errors import InvalidArgument
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.routes import metadata_of
from marque_gateway.survey import forms
from marque_gateway.survey.door import Look
from marque_gateway.survey.words import words
from marque_gateway.upstream import Upstreams

PATH = "/v1/questionnaires/{questionnaire_id}/page"
_GET = "/marque.survey.v1.QuestionnaireService/GetQuestionnaire"
_PREVIEW = "/marque.survey.v1.QuestionnaireService/PreviewQuestionnaire"

_LANGUAGE_LENGTH = 35  # of a language tag (RFC 5646)


class PreviewDoor:
    """The page of a draft, or with `number` of a version, in `language`; who may read the questionnaire may look. It sends nothing."""

    def __init__(self, upstreams: Upstreams, look: Look) -> None:
        self._upstreams = upstreams
        self._look = look

    async def answer(self, request: Request) -> Response:
        """Answers with the page, or a problem."""
        request.scope["state"]["route"] = PATH
        request.scope["state"]["span"].rename(f"GET {PATH}")
        try:
            return await self._page(request)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))

    async def _page(self, request: Request) -> Response:
        metadata, number = metadata_of(request), request.query_params.get("number", "0")
        if not (number.isascii() and number.isdigit() and len(number) < 9):
            raise InvalidArgument.of("number", "INT32_GTE", "must be the number of a version, or 0 for the draft")
        named = request.query_params.get("language", "")
        if len(named) > _LANGUAGE_LENGTH:
            raise InvalidArgument.of("language", "STRING_MAX_LEN", f"must have {_LANGUAGE_LENGTH} characters at most")
        asked = rpc.GetQuestionnaireRequest(
            questionnaire_id=request.path_params["questionnaire_id"], number=int(number)
        )
        found = await self._upstreams.call(
            _GET, asked, metadata, deserialize=questionnaire_pb2.Questionnaire.FromString
        )
        seen = await self._upstreams.call(
            _PREVIEW,
            rpc.PreviewQuestionnaireRequest(document=found.document),
            metadata,
            deserialize=rpc.PreviewQuestionnaireResponse.FromString,
        )
        wanted = named or request.headers.get("accept-language", "")[:500]
        page = survey_page_service_pb2.SurveyPage(language=_chosen(found.document, wanted), document=found.document)
        page.shown.extend(seen.shown)
        return self._look.page(page.language, 200, **forms.face(page, {}), say=words(page.language))


def _chosen(document: Any, wanted: str) -> str:
    """The first language of a document that somebody wants, else the document's first."""
    for one in wanted.lower().split(","):
        name = one.partition(";")[0].strip()
        for known in document.languages:
            if known.lower() == name or (name and known.lower().partition("-")[0] == name.partition("-")[0]):
                return str(known)
    return str(next(iter(document.languages), "en"))
