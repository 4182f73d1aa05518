"""Traces for operations: `/ops/traces` is the page, `/ops/traces/api/…` what Tempo answers, for the role `ops` only.

The page itself holds no data, so anybody may load it; what it shows it asks for with the token that its user gave it. Behind stands the
local store of `make run`, or a Tempo (`MARQUE_TRACES_URL`): only reads of a few known paths are passed on, without the caller's token.
"""

from __future__ import annotations

import re

import httpx
from servicekit.errors import NotFound, PermissionDenied, Unauthenticated, Unavailable
from servicekit.roles import READ_TRACES
from servicekit.rpc.principal import ANONYMOUS, Principal
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.settings import Settings

PAGE = "/ops/traces"
API = f"{PAGE}/api"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_NAME = r"[A-Za-z_][\w.:\-]{0,120}"
_KNOWN = re.compile(
    rf"(?:search|(?:v2/)?search/tags|(?:v2/)?search/tag/{_NAME}/values|(?:v2/)?traces/[0-9a-fA-F]{{1,32}}|logs/[0-9a-f]{{32}})",
    re.ASCII,
).fullmatch
_ASKED = frozenset({"q", "tags", "start", "end", "limit", "spss", "scope", "minDuration", "maxDuration"})
_LARGEST = 32 * 1024 * 1024
_PATIENCE = 10.0
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Marque: traces</title>
<p>This page is not built yet. <code>make ops-ui</code> builds it (with Node 20; <code>make run</code> does so in the background, which
takes a minute or two). The API under <code>/ops/traces/api</code> answers already.</p>
<p lang="zh-CN">此页面尚未构建。请运行 <code>make ops-ui</code>（需要 Node 20；<code>make run</code> 会在后台构建，约需一两分钟）。
<code>/ops/traces/api</code> 已可使用。</p>
"""


class Ops:
    """The page and the API behind it."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.traces_url.rstrip("/")
        self._folder = settings.ops_ui
        self._client: httpx.AsyncClient | None = None

    def add_to(self, app: Starlette) -> None:
        """Adds the routes."""
        app.add_route(f"{API}/{{path:path}}", self.answer, methods=["GET"])
        app.add_route(f"{PAGE}/assets/{{name}}", self.asset, methods=["GET"])
        app.add_route(PAGE, self.page, methods=["GET"])
        app.add_route(f"{PAGE}/", self.page, methods=["GET"])

    async def page(self, request: Request) -> Response:
        """Answers with the page, or says how it is built."""
        _told_as(request, PAGE)
        index = self._folder / "index.html" if self._folder is not None else None
        if index is None or not index.is_file():
            headers = {"content-security-policy": _POLICY, "retry-after": "60"}
            return HTMLResponse(_NOT_BUILT, 503, headers)
        return FileResponse(index, headers={"content-security-policy": _POLICY, "cache-control": "no-cache"})

    async def asset(self, request: Request) -> Response:
        """Answers with a script or a style of the page; their names change with their content."""
        _told_as(request, f"{PAGE}/assets")
        name = request.path_params["name"]
        path = self._folder / "assets" / name if self._folder is not None and _plain(name) else None
        if path is None or not path.is_file():
            return problem_response(request, problem_for(NotFound(), language(request)))
        return FileResponse(path, headers={"cache-control": "public, max-age=31536000, immutable"})

    async def answer(self, request: Request) -> Response:
        """Passes a read on to where traces are kept, or answers with a problem."""
        _told_as(request, API)
        try:
            principal: Principal = request.scope["state"]["principal"]
            if principal is ANONYMOUS:
                raise Unauthenticated(why="it is missing")
            if not principal.may(READ_TRACES):
                raise PermissionDenied(permission=READ_TRACES)
            path = request.path_params["path"]
            if not self._url or not _KNOWN(path):
                raise NotFound()
            return await self._ask(path, [pair for pair in request.query_params.multi_items() if pair[0] in _ASKED])
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))

    async def _ask(self, path: str, query: list[tuple[str, str]]) -> Response:
        if self._client is None:
            self._client = httpx.AsyncClient(base_url=self._url, timeout=_PATIENCE, trust_env=False)
        try:
            async with self._client.stream("GET", f"/api/{path}", params=query) as found:
                body = bytearray()
                async for piece in found.aiter_bytes():
                    body += piece
                    if len(body) > _LARGEST:
                        raise Unavailable(dependency="The trace store", retry_after=5)
        except httpx.HTTPError:
            raise Unavailable(dependency="The trace store", retry_after=5) from None
        if found.status_code >= 500:
            raise Unavailable(dependency="The trace store", retry_after=5)
        kind = "application/json" if found.status_code == 200 else "text/plain; charset=utf-8"
        return Response(bytes(body), found.status_code, media_type=kind)

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.aclose()


def _told_as(request: Request, route: str) -> None:
    request.scope["state"]["route"] = route
    request.scope["state"]["span"].rename(f"GET {route}")


def _plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,120}", name) is not None
