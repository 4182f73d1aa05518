"""Hostile input over the whole HTTP surface: every binding, every field, every value that is wrong for its type or meant to break in.

The answer is a problem that names field and reason, or right; never a fault of ours, never more rows than were asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from servicekit.contract import Method
from servicekit.testing.access import judge
from servicekit.testing.access.call import bound, camel, rule_of
from servicekit.testing.access.cast import Caller, Cast
from servicekit.testing.access.registry import Row, methods, registry
from servicekit.testing.sizes import part

BOUND = [rpc for rpc, method in methods().items() if rule_of(method)[0] and not method.server_streaming]
SQL = "' OR 1=1 --"
NEVER_WRITTEN = "' OR 2=2 --"  # the first may stand in a row by now, as a name like others
TEXTS = [
    SQL,
    "'; DROP TABLE customers; --",
    "%",
    "_%\\",
    "\\",
    "${7*7}{{7*7}}",
    "../../etc/passwd",
    "\u202e\U0001f697",
    "x" * 100_000,
    "\x00",
    "\n",
]
NUMBERS = [-1, 2**31, 2**63, -(2**63) - 1, 1.5, 1e308, "abc", "1e999", "NaN", "Infinity", "", True, [1], {"a": 1}]
MOMENTS = [
    "yesterday",
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
    "",
    5,
    {"seconds": 1},
]
OTHERS = {
    FieldDescriptor.CPPTYPE_BOOL: ["yes", 2, "", [], {}],
    FieldDescriptor.CPPTYPE_ENUM: ["NOPE", 9999, -1, 2**40, "", True, [], {}],
    FieldDescriptor.CPPTYPE_STRING: [*TEXTS, 5, True, ["a"], {"a": "b"}],
    FieldDescriptor.CPPTYPE_MESSAGE: ["x", 5, True, [], [[]], {"nonsense": 1}],
}
RAW = [
    b"{", b"", b"[]", b'"x"', b"null", b"5", b"\xff\xfe\x00", b'{"a":"\xc3\x28"}', b'{"a":"\\ud800"}', b'{"a":NaN}', b'{"a":1e999}',
    b"[" * 100_000, b'{"a":' * 50_000, b'{"nonsense":1}', b'{"__proto__":{}}', b'{"":""}', b"\xef\xbb\xbf{}", b"{} {}",
]  # fmt: skip
PATHS = [SQL, "%00", "%ff", "..%2f..", "x" * 2000, "٣", " ", "null", "-1", "00000000-0000-0000-0000-00000000000g"]
TOKENS = ["x", "AAAA", "e30", "bnVsbA", "W10", "W251bGxd", "=" * 10, "é", "x" * 3000]
ABOUT_NO_FIELD = frozenset({"MALFORMED_JSON", "UNSUPPORTED_MEDIA_TYPE", "ROUTE_NOT_FOUND", "MALFORMED_PATH"})
BROAD = 3  # how deep fields of fields are taken
STEP = 10  # in the short size every so many-th value of a field is sent, and one at least; which ones turns from RPC to RPC


class Sent:
    """What was sent, and what is wrong with the answer."""

    def __init__(self, name: str, answer: httpx.Response) -> None:
        self.name = name[:120]
        self.answer = answer

    def faults(self) -> Iterator[str]:
        """Yields what is wrong."""
        status = self.answer.status_code
        if status < 300:
            return
        if not 400 <= status < 500:
            yield f"{self.name}: {status} {self.answer.text[:200]}"
            return
        if self.answer.headers.get("content-type", "").partition(";")[0] != "application/problem+json":
            yield f"{self.name}: {status} is no problem document"
            return
        problem = self.answer.json()
        if not problem.get("reason") or not problem.get("detail"):
            yield f"{self.name}: {status} gives no reason"
        if problem["reason"] == "INVALID_ARGUMENT" and not problem.get("errors"):
            yield f"{self.name}: {status} names no field: {problem}"
        for error in problem.get("errors", ()):
            if not error.get("reason") or not error.get("description"):
                yield f"{self.name}: {status} does not say what is wrong with {error}"


class Attack:
    """Sends hostile variants of one binding's request as an administrator."""

    def __init__(self, cast: Cast, caller: Caller, rpc: str) -> None:
        self.method, self.fixture = methods()[rpc], registry()[rpc]
        found = cast.rows.get(self.fixture.rows, {})
        row = found.get("own") or next(iter(found.values()), Row("", ""))
        request = self.fixture.request(caller, row)
        self.verb, self.path, self.query, self.document = bound(self.method, request)
        self.template = rule_of(self.method)[1]
        self._http, self._token, self._faults = cast.http, caller.token, []  # type: ignore[var-annotated]

    async def send(self, name: str, **changed: Any) -> httpx.Response:
        """Sends a variant and judges the answer."""
        content = changed.get("content")
        if content is None and self.document is not None:
            content = orjson.dumps(changed.get("document", self.document))
        headers = {
            "authorization": f"Bearer {self._token}",
            "content-type": "application/json",
            **changed.get("headers", {}),
        }
        path, params = changed.get("path", self.path), changed.get("params", self.query)
        answer = await self._http.request(self.verb, path, params=params, content=content, headers=headers)
        self._faults += Sent(f"{self.method.name} {name}", answer).faults()
        return answer

    def judge(self) -> None:
        """Fails with everything that was wrong."""
        assert not self._faults, "\n".join(self._faults)


@pytest.fixture
def admin(cast: Cast) -> Caller:
    """The caller who may do most."""
    return next(caller for caller in cast.callers() if caller.seat.role == "oem.admin")


def body_type(method: Method) -> Descriptor | None:
    body = rule_of(method)[2]
    if not body:
        return None
    descriptor: Descriptor = method.input.DESCRIPTOR
    return descriptor if body == "*" else descriptor.fields_by_name[body].message_type


def hostile(field: FieldDescriptor) -> list[Any]:
    """Values that are wrong for a field, or right in form and meant to break in."""
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Timestamp":
        values: list[Any] = MOMENTS
    else:
        values = OTHERS.get(field.cpp_type, NUMBERS)
    return [[value] for value in values] + ["x", {"a": 1}, 5] if field.is_repeated else values


def variants(
    descriptor: Descriptor, document: Any, one_in: int, turn: int, depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """Yields (name, document) with one field, at any depth, made hostile: by each so many-th value for it, and one at least."""
    for place, field in enumerate(descriptor.fields, turn):
        name = field.json_name
        for value in part(hostile(field), one_in, place):
            yield f"{name} = {value!r:.60}", {**document, name: value}
        inner = field.message_type
        if inner is None or depth >= BROAD or not inner.full_name.startswith("marque.") or inner.GetOptions().map_entry:
            continue
        held = document.get(name) or {}
        if field.is_repeated:
            held = held[0] if held else {}
        for below, made in variants(inner, held, one_in, place, depth + 1):
            yield f"{name}.{below}", {**document, name: [made] if field.is_repeated else made}


def sendable(document: Any) -> bool:
    """Tells whether orjson can write a value: integers beyond 64 bits go in as text elsewhere."""
    try:
        orjson.dumps(document)
    except TypeError:
        return False
    return True


async def together(sends: list[Any]) -> list[httpx.Response]:
    """Sends at most eight at once."""
    limit = asyncio.Semaphore(8)

    async def one(send: Any) -> httpx.Response:
        async with limit:
            answer: httpx.Response = await send
            return answer

    return list(await asyncio.gather(*(one(send) for send in sends)))


BODIES = [rpc for rpc in BOUND if body_type(methods()[rpc]) is not None]


@pytest.mark.parametrize("rpc", BODIES[::8])  # the door refuses before it knows the method: some stand for all
async def test_what_the_door_itself_bounds_is_refused(rpc: str, cast: Cast, admin: Caller) -> None:
    attack = Attack(cast, admin, rpc)
    large = await attack.send("2 MiB", content=b'{"a":"' + b"x" * 2**21 + b'"}')
    form = await attack.send("a form", headers={"content-type": "application/x-www-form-urlencoded"})

    attack.judge()
    assert (large.status_code, form.status_code) == (413, 415)


@pytest.mark.parametrize("rpc", BODIES)
class TestBody:
    @pytest.mark.soak
    async def test_what_is_no_json_of_the_contract_is_refused_by_name(
        self, rpc: str, cast: Cast, admin: Caller, soaking: bool
    ) -> None:
        attack = Attack(cast, admin, rpc)
        chosen = RAW if soaking else part(RAW, STEP // 2, BOUND.index(rpc))
        await together([attack.send(f"body {raw[:20]!r}", content=raw) for raw in chosen])
        unknown = await attack.send("an unknown field", document={**attack.document, "nonsense": 1})

        attack.judge()
        assert unknown.status_code == 400
        assert any("nonsense" in error["field"] for error in unknown.json()["errors"])

    @pytest.mark.soak
    async def test_hostile_fields_are_refused_by_name_or_taken_as_they_are(
        self, rpc: str, cast: Cast, admin: Caller, soaking: bool
    ) -> None:
        attack = Attack(cast, admin, rpc)
        descriptor = body_type(attack.method)
        assert descriptor is not None
        made = variants(descriptor, attack.document, 1 if soaking else STEP, BOUND.index(rpc))
        await together([attack.send(name, document=document) for name, document in made if sendable(document)])

        attack.judge()


@pytest.mark.parametrize("rpc", BOUND)
class TestAddress:
    @pytest.mark.soak
    async def test_hostile_paths_and_parameters_are_refused_by_name_or_find_nothing(
        self, rpc: str, cast: Cast, admin: Caller, soaking: bool
    ) -> None:
        attack = Attack(cast, admin, rpc)
        sends: list[tuple[str, dict[str, Any]]] = []
        if "{" in attack.template:
            for value in PATHS:
                named = value if "%" in value and value != SQL else quote(value, safe="")
                start, _, rest = attack.template.partition("{")
                sends.append((f"path {value[:40]!r}", {"path": start + named + rest.partition("}")[2]}))
        if rule_of(attack.method)[2] != "*":
            for field in attack.method.input.DESCRIPTOR.fields:
                if field.message_type is None and f"{{{field.name}}}" not in attack.template:
                    values = TOKENS if field.name == "page_token" else hostile(field)
                    texts = [
                        value for value in values if isinstance(value, str | int | float) and len(str(value)) < 5000
                    ]
                    sends += [
                        (f"?{field.json_name}={value!r:.40}", {"params": {**attack.query, field.json_name: str(value)}})
                        for value in texts
                    ]
        sends.append(("?nonsense=1", {"params": {**attack.query, "nonsense": "1"}}))
        sends.append(("?pageToken twice", {"params": [("pageToken", "a"), ("pageToken", "b")]}))
        chosen = sends if soaking else part(sends, STEP // 2, BOUND.index(rpc))
        await together([attack.send(name, **changed) for name, changed in chosen])

        attack.judge()

    async def test_sql_in_a_filter_finds_nothing(self, rpc: str, cast: Cast, admin: Caller) -> None:
        attack, fixture = Attack(cast, admin, rpc), registry()[rpc]
        filters = [
            field.json_name
            for field in attack.method.input.DESCRIPTOR.fields
            if field.cpp_type == FieldDescriptor.CPPTYPE_STRING and field.json_name not in ("pageToken", "orderBy")
        ]
        for name in filters if attack.verb == "GET" and judge.is_list(attack.method, fixture) else ():
            answer = await attack.send(f"?{name}={NEVER_WRITTEN}", params={**attack.query, name: NEVER_WRITTEN})
            shown = answer.json().get(camel({fixture.items.split(".")[0]: 0}).popitem()[0], [])
            assert answer.status_code == 400 or shown == [], f"{rpc} {name}: {shown}"

        attack.judge()


async def test_nothing_of_the_world_was_dropped(cast: Cast, admin: Caller) -> None:
    for service, table in (("customer", "customers"), ("network", "dealers"), ("vehicle", "vehicles")):
        counted = await cast.world.platform.sql(service, f"SELECT count(*) FROM {table}")
        assert counted[0][0] > 0


async def test_a_connection_outlives_a_body_that_is_refused_unread(cast: Cast, admin: Caller) -> None:
    partner, path = cast.world.platform.token("partner"), "/v1/customers"
    for token, size, status in ((admin.token, 2**21, 413), (partner, 900_000, 403), ("forged", 900_000, 401)):
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        for _ in range(3):
            answer = await cast.http.post(path, content=b" " * size, headers=headers)
            assert answer.status_code == status
