"""`GET /s/{token}` shows the page; `POST` takes it as a form from browsers that run no script. Looking changes nothing."""

from __future__ import annotations

import gzip
import secrets
from importlib import resources
from typing import Any

import grpc
import grpc.aio
from marque.survey.v1 import survey_page_service_pb2 as rpc
from servicekit.errors import Unavailable
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway import pages, problems
from marque_gateway.survey import forms
from marque_gateway.survey.words import words
from marque_gateway.upstream import Upstreams

PATH = "/s/{token}"
STOP = "/s/{token}/stop"
ASSETS = {name: f"text/{kind}; charset=utf-8" for name, kind in (("survey.js", "javascript"), ("survey.css", "css"))}
RULES = "/s/rules.js"
"""The engine of conditions for the browser, where `make page` built it; without it the page asks the server."""
_BUILT = "built/rules.js"
_SERVICE = "/marque.survey.v1.SurveyPageService"
_OPEN, _FINISHED, _EXPIRED = 1, 2, 3
_STATES = {_FINISHED: ("finished", 200), _EXPIRED: ("expired", 410)}
_MOST_FIELDS = 2000
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {"content-security-policy": _POLICY, **pages.QUIET}


class Look:
    """How the page looks: the template, and the files beside it."""

    def __init__(self) -> None:
        folder = resources.files("marque_gateway.survey")
        self._template = pages.template_of("marque_gateway.survey")
        self._assets = {f"/s/{name}": ((folder / name).read_bytes(), kind) for name, kind in ASSETS.items()}
        self._built = folder / _BUILT
        self._rules = b""

    def _engine(self) -> bytes:
        """The engine of conditions, compressed, as soon as it is built: `make run` begins without it."""
        if not self._rules and self._built.is_file():
            self._rules = gzip.compress(self._built.read_bytes())
        return self._rules

    async def asset(self, request: Request) -> Response:
        """Answers with a script or the style."""
        request.scope["state"]["route"] = "/s/asset"
        headers = {"cache-control": "public, max-age=300", "vary": "accept-encoding"}
        if request.url.path != RULES:
            content, kind = self._assets[request.url.path]
        elif not self._engine():
            return Response("The rules are not built here.", 404, media_type="text/plain")
        else:
            content, kind = self._rules, ASSETS["survey.js"]
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers["content-encoding"] = "gzip"
            else:
                content = gzip.decompress(content)
        return Response(content, headers={"content-type": kind, **headers})

    def page(self, language: str, status: int, **shown: Any) -> Response:
        """Returns the page; what is not said of it is empty."""
        nothing: dict[str, Any] = {
            "intro": [],
            "thanks": "",
            "notice": "",
            "wrong": False,
            "questions": [],
            "conditions": [],
        }
        html = self._template.render(
            **{
                **nothing,
                "token": "",
                "sent": [],
                "stop": False,
                "language": language,
                "rules": RULES if self._engine() else "",
                **shown,
            }
        )
        return Response(html, status, _HEADERS, "text/html")


class StopDoor:
    """`/s/{token}/stop`: the address that mails name for whoever wants no more of them (RFC 8058). Only a POST does it."""

    def __init__(self, upstreams: Upstreams, look: Look) -> None:
        self._upstreams = upstreams
        self._look = look

    async def answer(self, request: Request) -> Response:
        """Answers with the question, or with what became of it."""
        token, wanted = pages.enter(request, STOP), pages.wanted_by(request)
        name = "StopSurveyMails" if request.method == "POST" else "GetSurveyPage"
        asked: Any = rpc.StopSurveyMailsRequest(token=token)
        if request.method != "POST":
            asked = rpc.GetSurveyPageRequest(token=token, languages=wanted)
        try:
            await self._upstreams.call(f"{_SERVICE}/{name}", asked, ())
        except (grpc.aio.AioRpcError, Unavailable) as error:
            notice, status = pages.refusal(error)
            return _told(self._look, notice if status == 404 else "not_stopped", wanted, status)
        return _told(
            self._look, "stopped" if request.method == "POST" else "stop", wanted, 200, stop=request.method != "POST"
        )


class SurveyDoor:
    """The page. It knows nothing of surveys but how they look: the survey service decides."""

    def __init__(self, upstreams: Upstreams, look: Look) -> None:
        self._upstreams = upstreams
        self._look = look

    async def answer(self, request: Request) -> Response:
        """Answers with the page, whatever becomes of it."""
        token, wanted = pages.enter(request, PATH), pages.wanted_by(request)
        try:
            page = await self._page(token, wanted)
            faults: dict[str, str] = {}
            if request.method == "POST" and page.state == _OPEN:
                faults, told = await self._send(request, token, page)
                before, page = page, await self._page(token, wanted)
                if page.state == _FINISHED:
                    return self._shown(page, token, "done", 200, sent=forms.summary(before, told))
        except (grpc.aio.AioRpcError, Unavailable) as error:
            notice, status = pages.refusal(error)
            return _told(self._look, notice, wanted, status)
        if page.state != _OPEN:
            return self._shown(page, token, *_STATES.get(page.state, ("expired", 410)))
        return self._shown(page, token, "failed" if faults else "", 422 if faults else 200, faults)

    async def _page(self, token: str, wanted: str) -> Any:
        asked = rpc.GetSurveyPageRequest(token=token, languages=wanted)
        return await self._call("GetSurveyPage", asked)

    async def _send(self, request: Request, token: str, page: Any) -> tuple[dict[str, str], Any]:
        """Keeps what a form says and ends the response; returns what stands against it, by question, and the page after the last answer."""
        form = await pages.form_of(request, _MOST_FIELDS)
        submission, wrong, told = secrets.token_hex(16), {}, page
        for number, one in enumerate(forms.answers(page.document.questions, form), start=1):
            if len(one.text) > forms.LONGEST:
                wrong[one.question_code] = "ANSWER_TOO_LONG"
                continue
            kept = rpc.SaveSurveyAnswerRequest(token=token, answer=one, submission_id=submission, sequence=number)
            try:
                told = await self._call("SaveSurveyAnswer", kept)
            except grpc.aio.AioRpcError as error:
                if (
                    error.code() is grpc.StatusCode.FAILED_PRECONDITION
                ):  # ended meanwhile, by the same form or another tab
                    return {}, told
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
                wrong[one.question_code] = "ANSWER_INVALID"
        if wrong:
            return wrong, told
        try:
            await self._call("FinishSurvey", rpc.FinishSurveyRequest(token=token))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
            return _violations(error), told
        return {}, told

    async def _call(self, name: str, message: Any) -> Any:
        return await self._upstreams.call(f"{_SERVICE}/{name}", message, (), deserialize=rpc.SurveyPage.FromString)

    def _shown(self, page: Any, token: str, notice: str, status: int, faults: Any = None, sent: Any = ()) -> Response:
        said = words(page.language)
        is_open = page.state == _OPEN
        return self._look.page(
            page.language, status, **forms.face(page, faults or {}, is_open=is_open), notice=said[notice] if notice else "",
            wrong=bool(faults), token=token if is_open else "", sent=sent, say=said,
        )  # fmt: skip


def _told(look: Look, notice: str, wanted: str, status: int, *, stop: bool = False) -> Response:
    """A page that says one thing, and may ask whether to stop; in the language that the browser asks for first."""
    said = words(wanted)
    return look.page(pages.language_of(wanted), status, title=said[notice], say=said, stop=stop)


def _violations(error: grpc.aio.AioRpcError) -> dict[str, str]:
    bad = problems.unpacked(error.trailing_metadata()).bad_request
    return {one.field: one.reason for one in bad.field_violations} if bad is not None else {}
