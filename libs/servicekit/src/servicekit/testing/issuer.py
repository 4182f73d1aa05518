"""An issuer for tests: the development issuer's tokens, served over HTTP from a thread, with keys that a test can rotate."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from devstack.issuer import Issuer, TokenRefused, mint

from servicekit.errors import Unauthenticated
from servicekit.rpc.tokens import TokenVerifier


class IssuerServer:
    """Serves discovery, keys and tokens on a loopback port until `stop`."""

    def __init__(self, clients: dict[str, str]) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                documents = {
                    "/.well-known/openid-configuration": server.issuer.discovery,
                    "/jwks.json": server.issuer.keys.jwks,
                }
                found = documents.get(self.path)
                self._answer(200 if found else 404, found() if found else {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    self._answer(200, server.issuer.grant(dict(parse_qsl(body.decode()))))
                except TokenRefused as refused:
                    self._answer(refused.status, {"error": refused.error})

            def _answer(self, status: int, document: Any) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._handler = Handler
        self._port = 0
        self.open_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.issuer = Issuer(self.url, clients=clients)

    def open_port(self) -> None:
        """Answers: at first at any free port, again at the same one."""
        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler)
        self._port = int(self._http.server_address[1])
        self._thread = threading.Thread(target=self._http.serve_forever, name="issuer", daemon=True)
        self._thread.start()

    def close_port(self) -> None:
        """Answers nobody any more; another may take the port."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()

    def stop(self) -> None:
        """Closes the port; a second time it changes nothing."""
        self.close_port()


class Hanging:
    """A port that takes connections and never answers: an issuer that hangs."""

    def __init__(self) -> None:
        self.asked = 0
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Takes the port."""
        self._server = await asyncio.start_server(self._hold, "127.0.0.1", port)

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        with contextlib.suppress(OSError):
            while await reader.read(4096):
                continue
        writer.close()

    async def stop(self) -> None:
        """Closes the port."""
        if self._server is not None:
            self._server.close()


def claims(server: IssuerServer, **more: Any) -> dict[str, Any]:
    """Returns what a good token of the issuer says; `more` differs, `...` leaves a claim out."""
    now = int(time.time())
    found = {
        "iss": server.url,
        "aud": "marque",
        "sub": "anna",
        "iat": now,
        "exp": now + 600,
        "roles": ["dealer.sales"],
        **more,
    }
    return {name: value for name, value in found.items() if value is not ...}


def token(server: IssuerServer, **more: Any) -> str:
    """Returns a token that the issuer signed."""
    return mint(server.issuer.keys.current, claims(server, **more))


async def refusal(verifier: TokenVerifier, text: str) -> Unauthenticated:
    """Returns with what a token is refused; the refusal repeats no part of it."""
    try:
        await verifier.verify(text)
    except Unauthenticated as refused:
        status = refused.to_status().SerializeToString()
        for piece in text.split("."):
            assert len(piece) < 12 or piece.encode() not in status
        return refused
    raise AssertionError("the token holds")


def why(error: Unauthenticated) -> str:
    """Returns what a refusal names as its cause."""
    return error.metadata["why"]
