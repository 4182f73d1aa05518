"""All RPC bindings behind one route: a request is found by verb, length and literals of its path, not by trying a hundred patterns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from servicekit.errors import PermissionDenied, Unauthenticated
from servicekit.rpc.principal import ANONYMOUS, Principal
from servicekit.telemetry import logs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.binding import Binding
from marque_gateway.transcode import Endpoint
from marque_gateway.upstream import Upstreams

_ENDPOINT = "marque.endpoint"


class Shortcut:
    """Serves the RPCs past the FastAPI application, whose layers cost more than the RPC; what it does not know goes on to `app`.

    Answers are compressed here as they are there, for callers who take it.
    """

    def __init__(self, app: ASGIApp, routes: RpcRoutes, compressed: Callable[[ASGIApp], ASGIApp]) -> None:
        self._app = app
        self._routes = routes
        self._compressed = compressed(routes.handle)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match, found = self._routes.matches(scope)
        if match is not Match.FULL:
            await self._app(scope, receive, send)
            return
        scope.update(found)
        takes = any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
        await (self._compressed if takes else self._routes.handle)(scope, receive, send)


class RpcRoutes(BaseRoute):
    """One route of the FastAPI application that holds every binding of the contracts."""

    def __init__(self, bindings: Iterable[Binding], upstreams: Upstreams) -> None:
        self._found: dict[tuple[str, int, str], list[Endpoint]] = defaultdict(list)
        self._known: dict[tuple[int, str], list[Endpoint]] = defaultdict(list)
        for binding in bindings:
            endpoint = Endpoint(binding, upstreams)
            shape = _shape(binding.template)
            self._found[(binding.verb, *shape)].append(endpoint)
            self._known[shape].append(endpoint)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Finds the binding of a request; a path known under another verb is a partial match (405)."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path: str = scope["path"]
        shape = _shape(path)
        verb = "GET" if scope["method"] == "HEAD" else scope["method"]  # the server sends no body to HEAD
        for endpoint in self._found.get((verb, *shape), ()):
            matched = endpoint.binding.regex.fullmatch(path)
            if matched:
                return Match.FULL, {"path_params": matched.groupdict(), _ENDPOINT: endpoint}
        if any(endpoint.binding.regex.fullmatch(path) for endpoint in self._known.get(shape, ())):
            return Match.PARTIAL, {_ENDPOINT: None}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a matched request."""
        endpoint: Endpoint | None = scope[_ENDPOINT]
        if endpoint is None:
            raise HTTPException(405, headers={"allow": ", ".join(sorted(self._verbs(scope)))})
        response = await _serve(Request(scope, receive, send), endpoint)
        await response(scope, receive, send)

    def _verbs(self, scope: Scope) -> set[str]:
        """Returns what a path takes, here and by the routes beside."""
        path: str = scope["path"]
        known = self._known.get(_shape(path), ())
        verbs = {found.binding.verb for found in known if found.binding.regex.fullmatch(path)}
        for route in scope["router"].routes:
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
                verbs |= route.methods or set()
        return verbs | ({"HEAD"} if "GET" in verbs else set())

    def url_path_for(self, name: str, /, **path_params: object) -> str:  # type: ignore[override]
        """RPC routes have no names to reverse."""
        raise LookupError(name)


async def _serve(request: Request, endpoint: Endpoint) -> Response:
    state = request.scope["state"]
    binding = endpoint.binding
    state["route"] = binding.template
    state["span"].rename(f"{binding.verb} {binding.template}")
    principal: Principal = state["principal"]
    try:
        method = state["methods"][binding.rpc]
        if not method.public:
            if principal is ANONYMOUS:
                raise Unauthenticated(why="it is missing")
            if not principal.may(method.permission):
                raise PermissionDenied(permission=method.permission)
        return await endpoint(request, request.scope["path_params"], metadata_of(request))
    except Exception as error:
        body = binding.body if binding.body != "*" else None
        return problem_response(request, problem_for(error, language(request), body))


def metadata_of(request: Request) -> list[tuple[str, str]]:
    """Returns what goes on to the services: the caller's token unchanged, the request id, the language."""
    found = [("x-request-id", logs.request_id_var.get() or ""), ("accept-language", language(request))]
    authorization = request.headers.get("authorization")
    if authorization:
        found.append(("authorization", authorization))
    return found


def _shape(path: str) -> tuple[int, str]:
    """Returns the number of segments and the custom verb of a path or template."""
    tail = path.rpartition("/")[2]
    _, colon, verb = tail.rpartition(":")
    return path.count("/"), verb if colon and "}" not in verb else ""
