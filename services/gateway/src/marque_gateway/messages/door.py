"""The pages behind the links of messages, for whoever has the link. Looking changes nothing: only a POST does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc.aio
from marque.campaign.v1 import message_page_service_pb2 as rpc
from marque.type.v1 import channel_pb2
from servicekit.errors import Unavailable
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway import pages
from marque_gateway.messages.words import words
from marque_gateway.upstream import Upstreams

PAGE, STOP, LINK, PICTURE = "/p/{token}", "/p/{token}/stop", "/l/{token}", "/o/{token}"
_SERVICE = "/marque.campaign.v1.MessagePageService"
_MOST_FIELDS, _LONGEST_URL = 20, 4000
# A GIF of one transparent point.
_POINT = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")


class MessageDoor:
    """The pages. They know nothing of campaigns but how they look: the campaign service decides."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._template = pages.template_of("marque_gateway.messages")

    async def page(self, request: Request) -> Response:
        """Answers with what the person gets, after keeping what they chose."""
        token = pages.enter(request, PAGE)
        return await self._answer(request, lambda wanted: self._page(request, token, wanted))

    async def stop(self, request: Request) -> Response:
        """Answers with the question, or with what became of it (RFC 8058)."""
        token = pages.enter(request, STOP)
        return await self._answer(request, lambda wanted: self._stop(request, token, wanted))

    async def link(self, request: Request) -> Response:
        """Leads to where a link goes; only to addresses that its token vouches for, counted or not."""
        token, url = pages.enter(request, LINK), request.query_params.get("u", "")[:_LONGEST_URL]

        async def follow(wanted: str) -> Response:
            if not url.lower().startswith(("http://", "https://")):
                return self._told(wanted, "unknown", 404)
            await self._call("TouchMessage", rpc.TouchMessageRequest(token=token, url=url), rpc.TouchMessageResponse)
            return Response(status_code=302, headers={"location": url, **pages.QUIET})

        return await self._answer(request, follow)

    async def picture(self, request: Request) -> Response:
        """Answers with a picture of one point, whoever asks; that it was shown is counted where its token is ours."""
        token = pages.enter(request, PICTURE)
        with suppress(grpc.aio.AioRpcError, Unavailable):  # who reads a mail sees no broken picture because of us
            await self._call("TouchMessage", rpc.TouchMessageRequest(token=token), rpc.TouchMessageResponse)
        return Response(_POINT, headers=pages.QUIET, media_type="image/gif")

    async def _answer(self, request: Request, made: Callable[[str], Awaitable[Response]]) -> Response:
        wanted = pages.wanted_by(request)
        try:
            return await made(wanted)
        except (grpc.aio.AioRpcError, Unavailable) as error:
            return self._told(wanted, *pages.refusal(error))

    async def _page(self, request: Request, token: str, wanted: str) -> Response:
        page: Any = await self._call("GetPreferencePage", rpc.GetPreferencePageRequest(token=token), rpc.PreferencePage)
        notice = ""
        if request.method == "POST":
            chosen = set((await pages.form_of(request, _MOST_FIELDS)).get("purpose", ()))
            kept = rpc.SavePreferencePageRequest(token=token)
            for one in page.choices:
                kept.choices.add(purpose=one.purpose, granted=str(int(one.purpose)) in chosen)
            page, notice = await self._call("SavePreferencePage", kept, rpc.PreferencePage), "saved"
        language = pages.language_of(wanted or page.language)
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
        language = pages.language_of(wanted)
        return self._shown(language, status, title=words(language)[notice], **shown)

    def _shown(self, language: str, status: int, **shown: Any) -> Response:
        nothing = {"notice": "", "choices": [], "about": "", "by": "", "stop": False, "page": ""}
        html = self._template.render(**{**nothing, "language": language, "say": words(language), **shown})
        return Response(html, status, pages.HEADERS, "text/html")

    async def _call(self, name: str, message: Any, answer: Any) -> Any:
        return await self._upstreams.call(f"{_SERVICE}/{name}", message, (), deserialize=answer.FromString)
