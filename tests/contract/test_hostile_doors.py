"""Hostile use of the HTTP door beyond single fields: files for import, page tokens that were tampered with, encodings, paths, connections.

Made from the contracts: every service that takes files, every list, every body.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import io
import zipfile
from typing import Any

import httpx
import orjson
import pytest
from servicekit import contract
from servicekit.testing.access import judge
from servicekit.testing.access.call import bound, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.registry import Fixture, Row, methods, registry
from servicekit.testing.platform import until
from servicekit.testing.sizes import part

UPLOADING = sorted(name.split(".")[1] for name in contract.services() if "UploadImport" in contract.methods(name))
LISTS = [
    rpc
    for rpc, fixture in registry().items()
    if rule_of(methods()[rpc])[0] == "GET" and "page_token" in methods()[rpc].input.DESCRIPTOR.fields_by_name
]
BODIES = [rpc for rpc, method in methods().items() if rule_of(method)[2] and not method.server_streaming]
BOMB = gzip.compress(bytes(50_000_000))
SQL = "' OR 1=1; DROP TABLE imports; --"
PARAMETERS = [
    {"kind": SQL}, {"kind": "k" * 5000}, {"kind": "\0"}, {"kind": ""}, {"source": SQL}, {"source": "a\r\nb: c"}, {"source": "s" * 65},
    {"fileName": "../../etc/passwd.csv"}, {"fileName": "a\0.csv"}, {"fileName": "=cmd|x.csv"}, {"fileName": "x" * 300 + ".csv"},
    {"fileName": ".csv"}, {"fileName": "\u202egpj.csv"}, {"fileName": "x.csv.exe"}, {"dryRun": "1"}, {"dryRun": ""}, {"nonsense": "1"},
    {"map.": "x"}, {"map.\0": "x"}, {"map.a": SQL}, {"map." + "c" * 500: "x"}, {f"map.c{number}": "" for number in range(300)},
]  # fmt: skip
IDS = [
    None,
    1,
    -1,
    2**63,
    1.5,
    "",
    "\0",
    SQL,
    "x" * 1000,
    True,
    [],
    {},
    {"t": "yesterday"},
    {"t": "9999-12-31T23:59:59-23:59"},
    {"u": 1},
]
PATHS = [
    "/v1/customers/%", "/v1/customers/%zz", "/v1/customers/%c3%28", "/v1/customers/%2e%2e", "/v1/customers/..%2fdealers", "/v1//customers",
    "/v1/customers/", "/v1/customers;x=1", "/v1/customers/%00", "/v1/customers%3AlookUp", "/v1/customers/x%2Foverview", "/V1/CUSTOMERS",
    "/v1/customers/\xff", "/v1/customers/{customer_id}", "//evil.example/v1/customers", "/v1/../openapi.json", "/%76%31/customers/x",
    "/v1/customers?pageSize=1&pageSize=2", "/v1/customers?%", "/v1/customers?=1", "/v1/customers?&&&", "/v1/customers?page%00Size=1",
    "/v1/customers?" + "a=b&" * 2000, "/v1/customers?pageSize=%EF%BC%91", "/v1/customers?pageSize[]=1", "/v1/customers#x",
]  # fmt: skip


def sheet_of_zeros() -> bytes:
    """A spreadsheet of some kilobytes that unpacks to three gigabytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(64):
                part.write(bytes(1024 * 1024))
        archive.writestr("xl/sharedStrings.xml", bytes(1024 * 1024 * 160))
    return file.getvalue()


FILES = {
    "nothing": ("a.csv", b""),
    "zeros": ("a.csv", bytes(100_000)),
    "noise": ("a.csv", bytes(range(256)) * 400),
    "one endless line": ("a.csv", b"code,source_key,vin\n" + b"x" * 3_000_000),
    "a quotation without end": ("a.csv", b'code,source_key,vin\n"' + b"a\n" * 100_000),
    "a compressed table": ("a.csv", gzip.compress(b"code\nx\n")),
    "a table as parquet": ("a.parquet", b"code\nx\n"),
    "a torn parquet": ("a.parquet", b"PAR1" + b"\xff" * 1000 + b"PAR1"),
    "no sheet": ("a.xlsx", b"PK\x03\x04" + b"\0" * 100),
    "a sheet of zeros": ("a.xlsx", sheet_of_zeros()),
    "no objects": ("a.jsonl", b'[]\n5\n"x"\nnull\n{\n' + b"[" * 50_000 + b"\n"),
    "an object of strange keys": (
        "a.jsonl",
        orjson.dumps({"code": {"a": 1}, "vin": [], "source_key": True, "__proto__": {}}),
    ),
    "a thousand columns": (
        "a.csv",
        ("code,vin,source_key," + ",".join(f"c{n}" for n in range(1000)) + "\nx\n").encode(),
    ),
    "one column twice": ("a.csv", b"code,vin,source_key,code,vin,source_key\nx,y,z,x,y,z\n"),
}


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem document of a refusal; fails for any other answer."""
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["reason"]
    assert found["detail"]
    return found


@pytest.fixture
def admin(cast: Cast) -> Caller:
    """The caller who may do most."""
    return next(caller for caller in cast.callers() if caller.seat.role == "oem.admin")


@pytest.fixture
def bearer(admin: Caller) -> dict[str, str]:
    """The headers of an administrator."""
    return {"authorization": f"Bearer {admin.token}"}


@pytest.mark.parametrize("service", UPLOADING)
class TestUploads:
    def kind(self, service: str) -> str:
        """The first kind of rows that a service imports."""
        names = contract.methods(f"marque.{service}.v1.{service.capitalize()}ImportService")
        first = min(name.removeprefix("Import") for name in names if name.startswith("Import"))
        return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in first)[1:]

    @pytest.mark.parametrize("given", PARAMETERS, ids=lambda given: f"{next(iter(given.items()))!r:.40}")
    async def test_a_hostile_parameter_is_refused_by_name_or_harmless(
        self, service: str, given: dict[str, str], cast: Cast, bearer: dict[str, str]
    ) -> None:
        params = {"kind": self.kind(service), "source": "suite", "fileName": "a.csv", "dryRun": "true", **given}
        answer = await cast.http.post(f"/v1/{service}/imports", params=params, content=b"code\nx\n", headers=bearer)

        if answer.status_code != 202:
            found = problem(answer)
            assert found["reason"] != "INVALID_ARGUMENT" or found["errors"]

    @pytest.mark.parametrize("name", FILES)
    async def test_a_hostile_file_ends_with_its_reason(
        self, service: str, name: str, cast: Cast, bearer: dict[str, str]
    ) -> None:
        file, content = FILES[name]
        params = {"kind": self.kind(service), "source": "hostile", "fileName": file}
        taken = await cast.http.post(f"/v1/{service}/imports", params=params, content=content, headers=bearer)
        assert taken.status_code == 202, taken.text

        async def ended() -> Any:
            found = (await cast.http.get(taken.headers["location"], headers=bearer)).json()
            return found if "endTime" in found else None

        done = await until(ended, 60, f"{name} is still being imported")
        assert done["state"] == "IMPORT_STATE_SUCCEEDED" or done["failureReason"], done
        assert done["summary"]["created"] == "0"

    async def test_headers_that_lie_of_the_body_do_not_help(
        self, service: str, cast: Cast, bearer: dict[str, str]
    ) -> None:
        url = f"/v1/{service}/imports"
        params = {"kind": self.kind(service), "source": "suite", "fileName": "a.csv", "dryRun": "true"}
        for lie in ({"content-encoding": "gzip"}, {"content-type": "x" * 1000}, {"expect": "100-continue"}):
            answer = await cast.http.post(url, params=params, content=b"code\nx\n", headers={**bearer, **lie})
            assert answer.status_code == 202 or problem(answer)


def answered(fixture: Fixture, answer: httpx.Response) -> set[str]:
    """The rows that a list shows."""
    message = methods()[fixture.rpc].output()
    from google.protobuf import json_format

    json_format.Parse(answer.content, message)
    return set(judge.items(fixture, [message])) if fixture.items else set()


@pytest.mark.parametrize("rpc", LISTS)
class TestPageTokens:
    async def asked(self, rpc: str, cast: Cast, caller: Caller, **more: str) -> httpx.Response:
        fixture = registry()[rpc]
        rows = cast.rows.get(fixture.rows, {})
        row = rows.get("own") or next(iter(rows.values()), Row("", ""))
        _, path, params, _ = bound(methods()[rpc], fixture.request(caller, row))
        headers = {"authorization": f"Bearer {caller.token}"}
        return await cast.http.get(path, params={**params, **more}, headers=headers)

    @pytest.mark.soak
    async def test_a_token_serves_its_own_question_only(
        self, rpc: str, cast: Cast, admin: Caller, soaking: bool
    ) -> None:
        first = (await self.asked(rpc, cast, admin, pageSize="1")).json()
        token = first.get("nextPageToken")
        if not token:
            token = made_up(["0" * 16, ["x"]])
        turn = LISTS.index(rpc)
        for other in LISTS if soaking else part(LISTS, 12, turn):
            if methods()[other].input is not methods()[rpc].input:  # the imports of all services are one question
                answer = await self.asked(other, cast, admin, pageToken=token)
                assert problem(answer)["errors"][0]["field"] == "pageToken", other

    @pytest.mark.soak
    async def test_a_token_of_another_caller_shows_nothing_more(
        self, rpc: str, cast: Cast, admin: Caller, soaking: bool
    ) -> None:
        token = (await self.asked(rpc, cast, admin, pageSize="1")).json().get("nextPageToken")
        fixture = registry()[rpc]
        callers = cast.callers() if soaking else part(cast.callers(), 3, LISTS.index(rpc))
        for caller in callers if token else ():
            own = await self.asked(rpc, cast, caller)
            told = await self.asked(rpc, cast, caller, pageSize="1", pageToken=token)
            if told.status_code != 200:
                problem(told)
            elif fixture.items:
                assert answered(fixture, told) <= answered(fixture, own), caller.seat.name

    @pytest.mark.soak
    async def test_a_token_that_was_tampered_with_is_refused_or_finds_what_a_filter_could(
        self, rpc: str, cast: Cast, admin: Caller, soaking: bool
    ) -> None:
        token = (await self.asked(rpc, cast, admin, pageSize="1")).json().get("nextPageToken")
        if not token:
            return  # one page is all there is
        digest, keys = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        forged = [
            made_up([digest, [*keys[:place], value, *keys[place + 1 :]]]) for place in range(len(keys)) for value in IDS
        ]
        forged += [
            made_up(one)
            for one in ([digest], [digest, []], [digest, [*keys, 1]], [digest, keys, 1], [1, keys], {}, None)
        ]
        forged += [token[:place] + chr(ord(token[place]) ^ 1) + token[place + 1 :] for place in range(0, len(token), 7)]
        chosen = forged if soaking else part(forged, 4, LISTS.index(rpc))
        answers = await asyncio.gather(*(self.asked(rpc, cast, admin, pageToken=one) for one in chosen))

        for answer in answers:
            if answer.status_code != 200:
                assert problem(answer)["errors"][0]["field"] == "pageToken"


def made_up(document: Any) -> str:
    """A token of somebody's own making."""
    try:
        body = orjson.dumps(document)
    except TypeError:  # a number beyond what orjson writes
        body = str(document).replace("'", '"').encode()
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


@pytest.mark.parametrize("rpc", BODIES[::4])  # how a body is read is the door's own, and the same for all methods
async def test_a_body_in_another_dress_is_refused(rpc: str, cast: Cast, admin: Caller, bearer: dict[str, str]) -> None:
    method, fixture = methods()[rpc], registry()[rpc]
    rows = cast.rows.get(fixture.rows, {})
    row = rows.get("own") or next(iter(rows.values()), Row("", ""))
    verb, path, query, document = bound(method, fixture.request(admin, row))
    content = orjson.dumps(document)
    dressed = {
        "gzip": ({"content-encoding": "gzip", "content-type": "application/json"}, gzip.compress(content)),
        "a bomb": ({"content-encoding": "gzip", "content-type": "application/json"}, BOMB),
        "text": ({"content-type": "text/plain"}, content),
        "xml": (
            {"content-type": "application/xml"},
            b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        ),
        "multipart": ({"content-type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\n{}\r\n--x--"),
        "utf-16": ({"content-type": "application/json; charset=utf-16"}, content.decode().encode("utf-16")),
        "no type": ({}, content),
    }
    for name, (headers, sent) in dressed.items():
        answer = await cast.http.request(verb, path, params=query, content=sent, headers={**bearer, **headers})
        found = problem(answer)
        assert found["reason"] in ("MALFORMED_JSON", "UNSUPPORTED_MEDIA_TYPE"), (name, found)


@pytest.mark.parametrize("rpc", BODIES)
async def test_headers_and_bodies_out_of_bounds_are_named(
    rpc: str, cast: Cast, admin: Caller, bearer: dict[str, str]
) -> None:
    method, fixture = methods()[rpc], registry()[rpc]
    rows = cast.rows.get(fixture.rows, {})
    row = rows.get("own") or next(iter(rows.values()), Row("", ""))
    verb, path, query, document = bound(method, fixture.request(admin, row))
    request, body = method.input.DESCRIPTOR, rule_of(method)[2]
    held = request if body == "*" else request.fields_by_name[body].message_type
    wrong = {"If-Match": ["x" * 201]} if "etag" in (*request.fields_by_name, *held.fields_by_name) else {}
    if "request_id" in request.fields_by_name:
        wrong["Idempotency-Key"] = ["", "x" * 65, "a\tb"]

    async def send(content: bytes, **headers: str) -> dict[str, Any]:
        sent = {**bearer, "content-type": "application/json", **headers}
        return problem(await cast.http.request(verb, path, params=query, content=content, headers=sent))

    for name, values in wrong.items():
        for value in values:
            found = await send(orjson.dumps(document), **{name: value})
            assert [error["field"] for error in found["errors"]] == [name], (name, value)
    if body != "*":  # a resource that is not said at all
        assert (await send(b""))["reason"] == "MALFORMED_JSON"


@pytest.mark.parametrize("path", PATHS)
async def test_a_strange_path_is_answered_and_the_connection_ends_or_goes_on(
    path: str, cast: Cast, bearer: dict[str, str]
) -> None:
    host, _, port = cast.world.platform.http_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: {bearer['authorization']}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode("latin-1"))
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()

    status = int(answer.split(b" ", 2)[1])
    assert status == 200 or 400 <= status < 500, answer[:300]


async def test_a_body_that_never_ends_is_cut_off(cast: Cast, bearer: dict[str, str]) -> None:
    async def endless() -> Any:
        for _ in range(64):
            yield b" " * 65536

    for path in ("/v1/customers", "/v1/dealers"):
        headers = {**bearer, "content-type": "application/json"}
        answer = None
        for _ in range(
            5
        ):  # who still sends while the door closes may lose the answer to a reset (RFC 9112, 9.6), never get another
            with contextlib.suppress(httpx.ReadError, httpx.WriteError):
                answer = await cast.http.post(path, content=endless(), headers=headers)
                break
        assert answer is not None
        assert (answer.status_code, problem(answer)["reason"]) == (413, "BODY_TOO_LARGE")
