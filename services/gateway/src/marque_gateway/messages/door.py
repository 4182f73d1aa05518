"""The pages behind the links of messages, for whoever has the link. Looking changes nothing: only a POST does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import resources
from typing import Any
from urllib.parse import parse_qs

import grpc
import grpc.aio
import jinja2
from marque.campaign.v1 import message_page_service_pb2 as rpc
from marque.type.v1 import channel_pb2
from servicekit.errors import Unavailable
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.messages.words import language_of, words
from marque_gateway.upstream import Upstreams

PAGE, STOP, LINK, PICTURE = "/p/{token}", "/p/{token}/stop", "/l/{token}", "/o/{token}"
_SERVICE = "/marque.campaign.v1.MessagePageService"
_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_QUIET = {"cache-control": "no-store", "x-robots-tag": "noindex", "referrer-policy": "no-referrer"}
_HEADERS = {"content-security-policy": _POLICY, **_QUIET}
_MOST_FIELDS, _LONGEST_URL = 20, 4000
# A GIF of one transparent point.
_POINT = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


class MessageDoor:
    """The pages. They know nothing of campaigns but how they look: the campaign service decides."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        folder = resources.files("marque_gateway.messages")
        environment = jinja2.Environment(
            autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
        )
        self._template = environment.from_string((folder / "page.html").read_text(encoding="utf-8"))

    async def page(self, request: Request) -> Response:
        """Answers with what the person gets, after keeping what they chose."""
        _name(request, PAGE)
        token = request.path_params["token"][:200]
        return await self._answer(request, lambda wanted: self._page(request, token, wanted))

    async def stop(self, request: Request) -> Response:
        """Answers with the question, or with what became of it (RFC 8058)."""
        _name(request, STOP)
        token = request.path_params["token"][:200]
        return await self._answer(request, lambda wanted: self._stop(request, token, wanted))

    async def link(self, request: Request) -> Response:
        """Leads to where a link goes; only to addresses that its token vouches for, counted or not."""
        _name(request, LINK)
        url, token = request.query_params.get("u", "")[:_LONGEST_URL], request.path_params["token"][:200]

        async def follow(wanted: str) -> Response:
            if not url.lower().startswith(("http://", "https://")):
                return self._told(wanted, "unknown", 404)
            await self._call("TouchMessage", rpc.TouchMessageRequest(token=token, url=url), rpc.TouchMessageResponse)
            return Response(status_code=302, headers={"location": url, **_QUIET})

        return await self._answer(request, follow)

    async def picture(self, request: Request) -> Response:
        """Answers with a picture of one point, whoever asks; that it was shown is counted where its token is ours."""
        _name(request, PICTURE)
        token = request.path_params["token"][:200]
        with suppress(grpc.aio.AioRpcError, Unavailable):  # who reads a mail sees no broken picture because of us
            await self._call("TouchMessage", rpc.TouchMessageRequest(token=token), rpc.TouchMessageResponse)
        return Response(_POINT, headers=_QUIET, media_type="image/gif")

    async def _answer(self, request: Request, made: Callable[[str], Awaitable[Response]]) -> Response:
        wanted = request.headers.get("accept-language", "")[:500]
        try:
            return await made(wanted)
        except (grpc.aio.AioRpcError, Unavailable) as error:
            missing = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
            if isinstance(error, grpc.aio.AioRpcError) and error.code() in missing:
                return self._told(wanted, "unknown", 404)
            return self._told(wanted, "unavailable", 503)

    async def _page(self, request: Request, token: str, wanted: str) -> Response:
        page: Any = await self._call("GetPreferencePage", rpc.GetPreferencePageRequest(token=token), rpc.PreferencePage)
        notice = ""
        if request.method == "POST":
            body = (await request.body()).decode("utf-8", "replace")
            form = parse_qs(body, max_num_fields=_MOST_FIELDS) if body.count("&") < _MOST_FIELDS else {}
            chosen = set(form.get("purpose", ()))
            kept = rpc.SavePreferencePageRequest(token=token)
            for one in page.choices:
                kept.choices.add(purpose=one.purpose, granted=str(int(one.purpose)) in chosen)
            page, notice = await self._call("SavePreferencePage", kept, rpc.PreferencePage), "saved"
        language = language_of(wanted or page.language)
        said = words(language)
        channel = channel_pb2.Channel.Name(page.channel).removeprefix("CHANNEL_")
        return self._shown(
            language, 200, title=said["title"], notice=said[notice] if notice else "",
            about=said["of_dealer" if page.of_dealer else "of_maker"], by=said["by"].format(channel=said.get(channel, channel)),
            choices=[(int(one.purpose), said[str(int(one.purpose))], one.granted) for one in page.choices],
        )  # fmt: skip

    async def _stop(self, request: Request, token: str, wanted: str) -> Response:
        if request.method != "POST":
            await self._call("GetPreferencePage", rpc.GetPreferencePageRequest(token=token), rpc.PreferencePage)
            return self._told(wanted, "stop", 200, stop=True)
        await self._call("StopMessages", rpc.StopMessagesRequest(token=token), rpc.StopMessagesResponse)
        return self._told(wanted, "stopped", 200, page=f"/p/{token}")

    def _told(self, wanted: str, notice: str, status: int, **shown: Any) -> Response:
        """A page that says one thing."""
        language = language_of(wanted)
        return self._shown(language, status, title=words(language)[notice], **shown)

    def _shown(self, language: str, status: int, **shown: Any) -> Response:
        nothing = {"notice": "", "choices": [], "about": "", "by": "", "stop": False, "page": ""}
        html = self._template.render(**{**nothing, "language": language, "say": words(language), **shown})
        return Response(html, status, _HEADERS, "text/html")

    async def _call(self, name: str, message: Any, answer: Any) -> Any:
        return await self._upstreams.call(f"{_SERVICE}/{name}", message, (), deserialize=answer.FromString)


def _name(request: Request, route: str) -> None:
    """Names the request by its route: the token is as good as the person's word."""
    request.scope["state"]["route"] = route
    request.scope["state"]["span"].rename(f"{request.method} {route}")
