"""What the pages behind links have in common: their look, their headers, and how a token, a form and a refusal are read.

Nobody is signed in on them and there is no cookie: the token of the link is as good as the person's word. So it stands in no span's name,
no page is kept by a cache or found by a search engine, and no other site is told where somebody came from.
"""

from __future__ import annotations

from importlib import resources
from urllib.parse import parse_qs

import grpc
import grpc.aio
import jinja2
from starlette.requests import Request

POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
QUIET = {"cache-control": "no-store", "x-robots-tag": "noindex", "referrer-policy": "no-referrer"}
HEADERS = {"content-security-policy": POLICY, **QUIET}
_LONGEST_TOKEN = 200
_LONGEST_LANGUAGES = 500
_MISSING = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)


def template_of(package: str) -> jinja2.Template:
    """Returns the `page.html` of a package. What a page names and nobody gave is an error, and all that is given is escaped."""
    source = (resources.files(package) / "page.html").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(source)


def language_of(wanted: str) -> str:
    """Returns the language of a page, BCP 47, for what is wanted first."""
    return "zh-CN" if wanted.lower().startswith("zh") else "en"


def wanted_by(request: Request) -> str:
    """Returns the languages that a browser asks for, as it says them."""
    return request.headers.get("accept-language", "")[:_LONGEST_LANGUAGES]


def enter(request: Request, route: str) -> str:
    """Names a request by its route and returns the token of its path."""
    request.scope["state"]["route"] = route
    request.scope["state"]["span"].rename(f"{request.method} {route}")
    token: str = request.path_params["token"]
    return token[:_LONGEST_TOKEN]


async def form_of(request: Request, most: int) -> dict[str, list[str]]:
    """Returns the fields of a form, nothing of one that has more than `most`."""
    body = await request.body()
    if body.count(b"&") >= most:
        return {}
    return parse_qs(body.decode("utf-8", "replace"), max_num_fields=most)


def refusal(error: Exception) -> tuple[str, int]:
    """Returns what a page says of a failed call, and its status: the link is none, or nobody is there."""
    known = isinstance(error, grpc.aio.AioRpcError) and error.code() in _MISSING
    return ("unknown", 404) if known else ("unavailable", 503)
