"""The HTTP application: every RPC by its binding, and the few routes that are not an RPC."""

from __future__ import annotations

from importlib import resources
from typing import Any

import fastapi_offline
import orjson
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from servicekit.contract import Method
from servicekit.rpc.tokens import ServiceIdentity
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from marque_gateway import adf, attachments, described, downloads, events, letter_files, mail, messages, scim, survey
from marque_gateway.admission import Admission
from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.binding import bindings_of
from marque_gateway.contracts import Contracts
from marque_gateway.deliveries import Bounces, DeliveryReports
from marque_gateway.edge import Edge, Gate
from marque_gateway.live import Live
from marque_gateway.openapi import build_document
from marque_gateway.ops import Ops
from marque_gateway.overview import Overview
from marque_gateway.routes import RpcRoutes, Shortcut
from marque_gateway.settings import Settings
from marque_gateway.telephony import ROUTE, Telephony, read_secrets
from marque_gateway.uploads import Uploads
from marque_gateway.upstream import Upstreams, method_of

_DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:"
)

_SCIM_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Files of letters keep the length and the digest that are told of them.
_PLAIN = (*DEFAULT_EXCLUDED_CONTENT_TYPES, letter_files.TYPE)
_GZIP: dict[str, Any] = {"minimum_size": 2048, "compresslevel": 4, "exclude_content_types": _PLAIN}

_ABOUT = "One truth about each customer and each car, for a car maker and its dealers. The same methods are served over gRPC."


def make_app(
    settings: Settings, upstreams: Upstreams, admission: Admission, live: Live, identity: ServiceIdentity, ops: Ops
) -> ASGIApp:
    """Returns the application of the HTTP door. Raises UnsupportedBinding for a contract that it cannot carry."""
    contracts = Contracts.installed()
    bindings = bindings_of(contracts.methods())
    app = FastAPI(
        title="Marque",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the caller's Host header
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # ours is at the edge; FastAPI's would trust the caller's trace
    )
    routes = RpcRoutes(bindings, upstreams)
    app.router.routes.insert(0, routes)
    app.add_route("/v1/customers/{customer_id}/overview", Overview(upstreams).answer, methods=["GET"])
    app.add_route("/v1/events", live.answer, methods=["GET"])
    telephony = Telephony(upstreams, identity, read_secrets(settings.telephony_secrets))
    app.add_route(ROUTE, telephony.answer, methods=["POST"])
    deliveries = DeliveryReports(upstreams, identity, read_secrets(settings.carrier_secrets))
    app.add_route(deliveries.route, deliveries.answer, methods=["POST"])
    returned = Bounces(upstreams, identity, read_secrets(settings.carrier_secrets))
    app.add_route(returned.route, returned.answer, methods=["POST"])
    app.add_route(adf.PATH, adf.AdfDoor(upstreams).answer, methods=["POST"])
    app.add_route(mail.PATH, mail.MailDoor(upstreams).answer, methods=["POST"])
    app.add_route(downloads.PATH, downloads.Downloads(upstreams).answer, methods=["GET"])
    app.add_route(letter_files.PATH, letter_files.LetterFiles(upstreams).download, methods=["GET"])
    look = survey.Look()
    for path in (survey.RULES, *(f"/s/{name}" for name in survey.ASSETS)):
        app.add_route(path, look.asset, methods=["GET"])
    app.add_route(survey.PATH, survey.SurveyDoor(upstreams, look).answer, methods=["GET", "POST"])
    app.add_route(survey.STOP, survey.StopDoor(upstreams, look).answer, methods=["GET", "POST"])
    app.add_route(survey.PREVIEW, survey.PreviewDoor(upstreams, look).answer, methods=["GET"])
    letters = messages.MessageDoor(upstreams)
    app.add_route(messages.PAGE, letters.page, methods=["GET", "POST"])
    app.add_route(messages.STOP, letters.stop, methods=["GET", "POST"])
    app.add_route(messages.LINK, letters.link, methods=["GET"])
    app.add_route(messages.PICTURE, letters.picture, methods=["GET"])
    doorman = events.EventDoor(upstreams)
    app.add_route(events.PAGE, doorman.page, methods=["GET", "POST"])
    app.add_route(events.CALENDAR, doorman.calendar, methods=["GET"])
    files = attachments.Attachments(upstreams)
    app.add_route(attachments.UPLOAD, files.upload, methods=["POST"])
    app.add_route(attachments.CONTENT, files.download, methods=["GET"])
    app.add_route("/v1/{service}/imports", Uploads(upstreams).answer, methods=["POST"])
    app.add_route(f"{scim.PREFIX}/{{path:path}}", scim.Scim(upstreams, settings).answer, methods=list(_SCIM_METHODS))
    ops.add_to(app)
    if settings.docs:
        document = build_document(
            contracts, bindings, description=_ABOUT, extra_paths=described.paths(), extra_schemas=described.schemas()
        )
        _add_docs(app, orjson.dumps(document))
    for kind in (HTTPException, 404, 405):
        app.add_exception_handler(kind, _problem)
    app.add_exception_handler(Exception, _problem)
    app.add_middleware(GZipMiddleware, **_GZIP)
    methods: dict[str, Method] = {}
    for binding in bindings:
        method = method_of(binding.rpc)
        assert method is not None
        methods[binding.rpc] = method
    gate: ASGIApp = Gate(Shortcut(app, routes, lambda inner: GZipMiddleware(inner, **_GZIP)), settings, admission)
    return Edge(_with_cors(gate, settings.cors_origins) if settings.cors_origins else gate, methods, admission)


def _with_cors(app: ASGIApp, origins: list[str]) -> ASGIApp:
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "last-event-id",
            "accept-language",
            "x-request-id",
        ],
        expose_headers=[
            "content-disposition",
            "etag",
            "location",
            "repr-digest",
            "x-request-id",
            "x-trace-id",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
        ],
        max_age=600,
    )


def _add_docs(app: FastAPI, described: bytes) -> None:
    async def openapi(request: Request) -> Response:
        return Response(described, media_type="application/json", headers={"cache-control": "public, max-age=300"})

    async def docs(request: Request) -> Response:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Marque API",
            swagger_js_url="/docs/static/swagger-ui-bundle.js",
            swagger_css_url="/docs/static/swagger-ui.css",
            swagger_favicon_url="/docs/static/favicon.png",
        )
        page.headers["content-security-policy"] = _DOCS_POLICY
        return page

    app.add_route("/openapi.json", openapi)
    app.add_route("/docs", docs)
    static: Any = resources.files(fastapi_offline) / "static"
    app.mount("/docs/static", StaticFiles(directory=str(static)))


async def _problem(request: Request, error: Exception) -> Response:
    return problem_response(request, problem_for(error, language(request)), getattr(error, "headers", None))
