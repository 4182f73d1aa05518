"""The post office over SMTP and HTTP, on the loopback address: `python -m devstack.post_app`. It delivers nothing to anybody.

Mails come by SMTP (RFC 5321), text messages as the campaign service hands them to a provider: `POST /messages`, signed, once by their
`Idempotency-Key`. `GET /` is a page of what came.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from aiosmtpd.smtp import SMTP
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from devstack import ports, post_pages

MOST_KEPT = 5_000
"""Mails, and messages: of more the oldest go."""
_LONGEST_MAIL = 5 * 2**20
_LONGEST_MESSAGE = 64 * 1024
_CLOCK_SECONDS = 300
_KEY = re.compile(r"[A-Za-z0-9-]{1,64}")
_MAIL = re.compile(r"\d{20}-\d{6}\.eml")


class Shelf:
    """What came, as files in the order of their coming. `folder` is made where it is missing."""

    def __init__(self, folder: Path) -> None:
        self.mails, self.messages = folder / "mails", folder / "messages"
        for one in (self.mails, self.messages):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._count = 0

    def put_mail(self, content: bytes) -> None:
        """Keeps a mail; whoever looks sees whole ones only."""
        self._count += 1
        path = self.mails / f"{time.time_ns():020d}-{self._count % 1_000_000:06d}.eml"
        _write(path, content)
        _thin(self.mails, "*.eml")

    def put_message(self, key: str, content: bytes) -> bool:
        """Keeps a message under its key; False where it came before."""
        path = self.messages / f"{key}.json"
        if path.exists():
            return False
        _write(path, content)
        _thin(self.messages, "*.json")
        return True

    def newest(self, most: int) -> tuple[list[Path], list[Path]]:
        """Returns the last mails and messages, the newest first."""
        mails = sorted(self.mails.glob("*.eml"), reverse=True)[:most]
        return mails, sorted(self.messages.glob("*.json"), key=_age, reverse=True)[:most]


class Inbox:
    """What the SMTP server does with a mail: it keeps every one, for whomever."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keeps the mail before it is acknowledged."""
        self._shelf.put_mail(envelope.content)
        return "250 2.0.0 kept"


def build_app(shelf: Shelf, secret: bytes) -> Starlette:
    """The routes: what is ready, the list, one mail, and the door for messages."""

    async def ready(_: Request) -> Response:
        return JSONResponse({"ready": True})

    async def listed(_: Request) -> Response:
        return HTMLResponse(post_pages.listed(*shelf.newest(200)), headers=post_pages.HEADERS)

    async def mail(request: Request) -> Response:
        name = request.path_params["name"]
        path = shelf.mails / name
        if not (_MAIL.fullmatch(name) and path.is_file()):
            return Response("There is no such mail.", 404)
        return HTMLResponse(post_pages.mail(path.read_bytes()), headers=post_pages.HEADERS)

    async def message(request: Request) -> Response:
        body = await request.body()
        stamp, told = request.headers.get("x-marque-timestamp", ""), request.headers.get("x-marque-signature", "")
        key = request.headers.get("idempotency-key", "")
        if not _is_signed(secret, stamp, body, told):
            return Response("the signature is not ours", 401)
        if not _KEY.fullmatch(key) or len(body) > _LONGEST_MESSAGE or not _is_object(body):
            return Response("a key of letters and digits and a JSON object are needed", 400)
        return Response(status_code=202 if shelf.put_message(key, body) else 409)

    return Starlette(
        routes=[
            Route("/readyz", ready),
            Route("/", listed),
            Route("/mails/{name}", mail),
            Route("/messages", message, methods=["POST"]),
        ],
        # A foreign name that resolves to 127.0.0.1 must not turn a web page into a reader.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def _is_signed(secret: bytes, stamp: str, body: bytes, told: str) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and abs(time.time() - int(stamp)) < _CLOCK_SECONDS):
        return False
    made = "v1=" + hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made.encode(), told.encode())


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(orjson.loads(body), dict)
    except orjson.JSONDecodeError:
        return False


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.part")
    fresh.write_bytes(content)
    fresh.replace(path)


def _thin(folder: Path, pattern: str) -> None:
    there = list(folder.glob(pattern))
    if len(there) > MOST_KEPT + MOST_KEPT // 10:  # seldom, and many at once
        for path in sorted(there, key=_age)[: len(there) - MOST_KEPT]:
            path.unlink(missing_ok=True)


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except FileNotFoundError:
        return 0.0, path.name


async def serve(folder: Path, secret: bytes, smtp_port: int, http_port: int) -> None:
    """Takes mails and messages until SIGTERM or SIGINT."""
    shelf, loop = Shelf(folder), asyncio.get_running_loop()
    inbox = Inbox(shelf)
    taking = await loop.create_server(
        lambda: SMTP(inbox, hostname="localhost", data_size_limit=_LONGEST_MAIL, enable_SMTPUTF8=True),
        ports.LOOPBACK,
        smtp_port,
    )
    server = Server(
        build_app(shelf, secret),
        address=ports.LOOPBACK,
        port=http_port,
        interface=Interfaces.ASGI,
        websockets=False,
        log_enabled=False,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    async with taking:
        await server.serve()


def main() -> None:
    """Reads MARQUE_POST_FOLDER, _SECRET_FILE, _SMTP_PORT and _HTTP_PORT."""
    try:
        told = {name: os.environ[f"MARQUE_POST_{name}"] for name in ("FOLDER", "SECRET_FILE", "SMTP_PORT", "HTTP_PORT")}
    except KeyError as missing:
        sys.exit(f"devstack post: {missing.args[0]} must be set")
    secret = Path(told["SECRET_FILE"]).read_bytes().strip()
    asyncio.run(serve(Path(told["FOLDER"]), secret, int(told["SMTP_PORT"]), int(told["HTTP_PORT"])))


if __name__ == "__main__":
    main()
