"""The page of an event, for whoever has a link to it. Looking changes nothing: only a POST does.

There is no cookie and nobody is signed in, so nothing that another site makes a browser send says more than its link does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from zoneinfo import ZoneInfo

import grpc
import grpc.aio
from marque.campaign.v1 import event_page_service_pb2 as rpc
from servicekit.errors import Unavailable
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway import pages, problems
from marque_gateway.events import calendar
from marque_gateway.events.words import words
from marque_gateway.upstream import Upstreams

PAGE, CALENDAR = "/e/{token}", "/e/{token}/event.ics"
_SERVICE = "/marque.campaign.v1.EventPageService"
_MOST_FIELDS = 20
# Where an event stands, and a registration, by the contract.
_OPEN, _HELD, _CALLED_OFF = 2, 4, 5
_CONFIRMED, _WAITING, _CANCELLED = 1, 2, 3


class EventDoor:
    """The page. It knows of events only how they look: the campaign service decides."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._template = pages.template_of("marque_gateway.events")

    async def page(self, request: Request) -> Response:
        """Answers with the event and the registration, after doing what a form asked for."""
        token = pages.enter(request, PAGE)
        if request.method == "POST":
            return await self._answer(request, lambda wanted: self._save(request, token, wanted))
        return await self._answer(request, lambda wanted: self._look(request, token, wanted))

    async def calendar(self, request: Request) -> Response:
        """Answers with the entry of a registration for a calendar."""
        token = pages.enter(request, CALENDAR)

        async def made(wanted: str) -> Response:
            page = await self._get(token)
            session = next((one for one in page.sessions if one.session_id == page.session_id), None)
            if session is None or not page.calendar_id:
                return self._told(wanted, "unknown", 404)
            address = str(request.url.replace(path=f"/e/{token}", query=""))
            return Response(calendar.entry(page, session, address), headers=pages.QUIET, media_type=calendar.MEDIA_TYPE)

        return await self._answer(request, made)

    async def _answer(self, request: Request, made: Callable[[str], Awaitable[Response]]) -> Response:
        wanted = pages.wanted_by(request)
        try:
            return await made(wanted)
        except (grpc.aio.AioRpcError, Unavailable) as error:
            return self._told(wanted, *pages.refusal(error))

    async def _look(self, request: Request, token: str, wanted: str) -> Response:
        notice = "saved" if request.query_params.get("saved") == "1" else ""
        return self._shown(wanted, await self._get(token), 200, notice=notice)

    async def _save(self, request: Request, token: str, wanted: str) -> Response:
        form = await pages.form_of(request, _MOST_FIELDS)
        told = {name: form.get(name, [""])[0] for name in ("session", "guests", "name", "email", "phone")}
        asked = rpc.SaveEventPageRequest(token=token)
        if "cancel" not in form:
            asked = rpc.SaveEventPageRequest(
                token=token, session_id=told["session"], guest_count=_number(told["guests"]), name=told["name"],
                email=told["email"], phone=told["phone"], contact_allowed="contact" in form,
            )  # fmt: skip
        try:
            if "cancel" not in form and not told["session"]:
                return self._shown(wanted, await self._get(token), 400, problem="FIELD_REQUIRED", typed=told)
            page = await self._call("SaveEventPage", asked)
        except grpc.aio.AioRpcError as error:
            reason = _reason(error)
            if reason not in words("en"):
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
                reason = "invalid"
            status = 400 if error.code() is grpc.StatusCode.INVALID_ARGUMENT else 409
            return self._shown(wanted, await self._get(token), status, problem=reason, typed=told)
        # Seen again by GET, so that loading the page anew sends nothing twice; its address is the registration's own.
        return Response(status_code=303, headers={"location": f"/e/{page.token}?saved=1", **pages.QUIET})

    def _shown(
        self, wanted: str, page: Any, status: int, *, notice: str = "", problem: str = "", typed: Any = None
    ) -> Response:
        language = pages.language_of(wanted)
        say = words(language)
        live = page.registration_state in (_CONFIRMED, _WAITING)
        known = bool(page.session_id) and any(one.session_id == page.session_id for one in page.sessions)
        return self._rendered(
            language, status, title=page.name, page=page, say=say, notice=say[notice] if notice else "",
            problem=say[problem] if problem else "", where=say["where"].format(place=page.place),
            zone=say["zone"].format(zone=page.time_zone), own=_own(page, say), standing=_standing(page, say),
            form=page.open and (page.changeable or not live), sessions=[_choice(page, one, say) for one in page.sessions],
            guests=say["guests"].format(most=page.most_guests), guest_count=page.guest_count,
            calendar=f"/e/{page.token}/event.ics" if known and live else "",
            typed=typed or dict.fromkeys(("name", "email", "phone"), ""),
        )  # fmt: skip

    def _told(self, wanted: str, notice: str, status: int) -> Response:
        """A page that says one thing."""
        language = pages.language_of(wanted)
        return self._rendered(language, status, title=words(language)[notice])

    def _rendered(self, language: str, status: int, **shown: Any) -> Response:
        nothing = {"page": None, "notice": "", "problem": "", "say": words(language)}
        html = self._template.render(**{**nothing, "language": language, **shown})
        return Response(html, status, pages.HEADERS, "text/html")

    async def _get(self, token: str) -> Any:
        return await self._call("GetEventPage", rpc.GetEventPageRequest(token=token))

    async def _call(self, name: str, message: Any) -> Any:
        return await self._upstreams.call(f"{_SERVICE}/{name}", message, (), deserialize=rpc.EventPage.FromString)


def _own(page: Any, say: dict[str, str]) -> str:
    """Where the registration stands, in words."""
    if not page.registration_state:
        return ""
    session = next((one for one in page.sessions if one.session_id == page.session_id), None)
    when = f" {_span(page, session)}" if session is not None else ""
    return say[f"state_{page.registration_state}"].format(place=page.waiting_place) + when


def _standing(page: Any, say: dict[str, str]) -> str:
    """Why nobody can register, in words; empty where one can."""
    if page.state in (_HELD, _CALLED_OFF):
        return say["called_off" if page.state == _CALLED_OFF else "held"]
    return "" if page.open else say["over"]


def _choice(page: Any, session: Any, say: dict[str, str]) -> tuple[str, str, bool]:
    mine = session.session_id == page.session_id and page.registration_state != _CANCELLED
    left = say["free"].format(count=session.free_count) if session.free_count else say["full"]
    return session.session_id, f"{_span(page, session)} ({left})", mine


def _span(page: Any, session: Any) -> str:
    zone = ZoneInfo(page.time_zone)
    start, end = (
        moment.ToDatetime().replace(tzinfo=ZoneInfo("UTC")).astimezone(zone)
        for moment in (session.start_time, session.end_time)
    )
    return (
        f"{start:%Y-%m-%d %H:%M} – {end:%H:%M}"
        if start.date() == end.date()
        else f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"
    )


def _number(text: str) -> int:
    """What stands in the field of guests; more than anybody may bring where it is none, so that it is refused by name."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 0 if not text else 21


def _reason(error: grpc.aio.AioRpcError) -> str:
    """The reason of a refusal: of its first field, else its own; empty where it gives none."""
    told = problems.unpacked(error.trailing_metadata())
    fields = told.bad_request.field_violations if told.bad_request is not None else ()
    if fields:
        return str(fields[0].reason)
    return told.info.reason if told.info is not None else ""
