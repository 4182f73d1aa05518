"""The development issuer over HTTP, on the loopback address: `python -m devstack.issuer_app`.

In a cluster's evaluation it listens for the services of its release as well (`MARQUE_ISSUER_LISTEN`): they get keys, and tokens for their
client secrets. A token of a person is still given to programs of its own pod only, that is to whoever may `kubectl exec` into it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from granian.constants import Interfaces
from granian.server.embed import Server
from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from devstack import ports
from devstack.issuer import CLIENT_GRANT, PERSON_LIFETIME, Issuer, TokenRefused
from devstack.keyring import KeyRing
from devstack.layout import Layout

_NO_STORE = {"Cache-Control": "no-store"}
_LOOPBACK_NAMES = ["127.0.0.1", "localhost"]


class NotDevelopment(RuntimeError):
    """The issuer was asked to run where real people are."""


def require_development(environ: Mapping[str, str]) -> None:
    """Raises NotDevelopment unless MARQUE_ENVIRONMENT is exactly `development`; unset counts as production."""
    if environ.get("MARQUE_ENVIRONMENT") != "development":
        raise NotDevelopment(
            "the development issuer gives any role to whoever asks, so it starts only with "
            f"MARQUE_ENVIRONMENT=development (it is {environ.get('MARQUE_ENVIRONMENT') or 'not set'}); "
            "elsewhere name your identity provider in MARQUE_ISSUER_URL"
        )


def build_app(issuer: Issuer, environ: Mapping[str, str], names: Sequence[str] = ()) -> Starlette:
    """The issuer's four routes. `names` are hosts by which services elsewhere may call it. Raises NotDevelopment (see
    `require_development`).
    """
    require_development(environ)

    async def discovery(_: Request) -> Response:
        return JSONResponse(issuer.discovery())

    async def jwks(_: Request) -> Response:
        return JSONResponse(issuer.keys.jwks(), headers=_NO_STORE)

    async def token(request: Request) -> Response:
        try:
            form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
            if not names or form.get("grant_type") != CLIENT_GRANT:
                _refuse_other_sites(request)
            return JSONResponse(issuer.grant({**form, **_basic_client(request)}), headers=_NO_STORE)
        except TokenRefused as refused:
            body = {"error": refused.error, "error_description": refused.description}
            return JSONResponse(body, refused.status, headers=_NO_STORE)

    async def rotate(request: Request) -> Response:
        try:
            _refuse_other_sites(request)
        except TokenRefused as refused:
            return JSONResponse({"error": refused.error, "error_description": refused.description}, refused.status)
        return JSONResponse({"kid": issuer.keys.rotate().kid}, headers=_NO_STORE)

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/jwks.json", jwks),
            Route("/token", token, methods=["POST"]),
            Route("/rotate", rotate, methods=["POST"]),
        ],
        # A foreign name that resolves to 127.0.0.1 must not turn a web page into a caller.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[*_LOOPBACK_NAMES, *names])],
    )


def _refuse_other_sites(request: Request) -> None:
    """Only from this machine, and not from a web page of another site that happens to be open in the developer's
    browser.
    """
    client = request.client.host if request.client else ""
    try:
        local = ip_address(client).is_loopback
    except ValueError:
        local = False
    origin = request.headers.get("origin")
    if not local or (origin is not None and urlsplit(origin).hostname not in _LOOPBACK_NAMES):
        raise TokenRefused("access_denied", "only programs on this machine may ask", 403)


def _basic_client(request: Request) -> dict[str, str]:
    """Client id and secret from an Authorization header of scheme Basic (RFC 6749 §2.3.1); nothing without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRefused("invalid_client", "the Authorization header is malformed", 401) from None
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}


async def serve(layout: Layout, port: int, environ: Mapping[str, str]) -> None:
    """Runs the issuer until SIGTERM or SIGINT, with keys, clients and demo people from the state folder.

    MARQUE_ISSUER_NAME is the URL that it calls itself; MARQUE_ISSUER_SECRETS is a folder with the clients' secrets, instead of devstack's.
    """
    url = environ.get("MARQUE_ISSUER_NAME") or f"http://{ports.LOOPBACK}:{port}"
    listen = environ.get("MARQUE_ISSUER_LISTEN") or ports.LOOPBACK
    names = [name for name in (urlsplit(url).hostname,) if name and listen != ports.LOOPBACK]
    folder = environ.get("MARQUE_ISSUER_SECRETS")
    issuer = Issuer(
        url,
        KeyRing(layout.issuer / "keys.json", keep_for=PERSON_LIFETIME),
        _secrets(Path(folder)) if folder else layout.client_secrets(),
        layout.people,
    )
    server = Server(
        build_app(issuer, environ, names),
        address=listen,
        port=port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def _secrets(folder: Path) -> dict[str, str]:
    """Client id → secret, of files `<client id>.client`."""
    return {path.stem: path.read_text(encoding="utf-8").strip() for path in sorted(folder.glob("*.client"))}


def main() -> None:
    """Reads MARQUE_ENVIRONMENT, MARQUE_STATE and MARQUE_ISSUER_PORT; exits with 2 and a clear message when refused."""
    try:
        require_development(os.environ)
        layout = Layout(Path(os.environ["MARQUE_STATE"]))
        layout.make()
        asyncio.run(serve(layout, int(os.environ["MARQUE_ISSUER_PORT"]), os.environ))
    except KeyError as missing:
        sys.exit(f"devstack issuer: {missing.args[0]} must be set")
    except (NotDevelopment, JoseError, ValueError) as error:
        print(f"devstack issuer: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
