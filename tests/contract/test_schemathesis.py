"""schemathesis against the running platform, over HTTP with real tokens: every operation of the gateway's own OpenAPI document.

Its examples, its boundary cases and random ones, good and bad. Short in `make test`, where each fourth path is sent to, another
quarter with each of four seeds in a row; `--soak` sends hundreds of random cases to every operation, some also as a dealer's manager,
whose scope makes other SQL. The seed is printed; `MARQUE_SEED` repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
import warnings
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from servicekit import contract
from servicekit.testing.access.call import rule_of
from servicekit.testing.access.cast import Cast
from servicekit.testing.sizes import part

SEED = int(os.environ.get("MARQUE_SEED", "20261122"))
SHORT, TURNS = 3, 4  # random cases an operation in the short size, and of how many paths one is sent to
ONE_IN, STEP = 8, 24  # of so many operations the short size tries the boundaries of one, each so many-th of its cases
RANDOM, LONG = 100, 300  # in the long size: random cases an operation at least, and all cases
SERVICES = [name for name in contract.services() if any(rule_of(one)[0] for one in contract.methods(name).values())]
BY_HAND = {"watchEvents": "a stream without an end, which the engine would read to its end; see TestLive"}
# Off, for all operations alike:
OFF = {
    "positive_data_acceptance": "page tokens, check digits and states of rows are rules that no JSON Schema can say",
    "object_level_authorization": "judged row by row and role by role in tests/contract/permissions",
}
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "415", "422", "428", "429"]


@schemathesis.serializer("message/rfc822")
def as_it_is(context: Any, value: Any) -> bytes:
    """A mail is sent as the engine makes it, which is any text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@dataclass
class Report:
    """What a run sent and what it found."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    found: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    document: dict[str, Any] = field(default_factory=dict)

    def take(self, event: events.ScenarioFinished) -> None:
        """Counts a scenario and keeps the first failure of each kind."""
        record = event.recorder
        self.cases[event.label or ""] += len(record.interactions)
        answers = [one.response for one in record.interactions.values()]
        self.statuses.update(answer.status_code if answer is not None else 0 for answer in answers)
        for case_id, checks in record.checks.items():
            for check in checks:
                if check.status is not Status.SUCCESS and check.failure_info is not None:
                    told_wrong = check.failure_info.failure.message
                    if named_by_number(self.document, record.cases[case_id].value, told_wrong):
                        continue
                    answer = record.interactions[case_id].response
                    told = f"{answer.status_code} {answer.text[:300]}" if answer is not None else "no answer"
                    text = f"{check.failure_info.failure.message[:400]}\n{check.failure_info.code_sample[:900]}\n{told}"
                    self.found.setdefault(f"{event.label} {check.name}", text)


def named_by_number(document: dict[str, Any], case: Any, told: str) -> bool:
    """Tells whether a case was found good although it is wrong only in that a value of an enum is given by its number.

    JSON of protocol buffers allows that (our door as every other reader); the document names the names alone, for clients' types.
    """
    found = re.search(r"in body - (.+?): Incorrect type", told)
    if found is None or not isinstance(case.body, dict):
        return False
    operation = document["paths"][case.operation.path][case.operation.method.lower()]
    schema, value = operation["requestBody"]["content"]["application/json"]["schema"], case.body
    for step in found[1].split(" -> "):
        schema = resolved(document, schema)
        if isinstance(value, list):
            value, schema = value[int(step)], schema["items"]
        else:
            value, schema = value[step], schema["properties"][step]
    return type(value) is int and "enum" in resolved(document, schema)


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema behind references; of what may also be null, the schema of what it is."""
    while True:
        ways = [schema, *(one for word in ("allOf", "anyOf", "oneOf") for one in schema.get(word, ()))]
        way = next((one for one in ways if "$ref" in one), None)
        if way is None:
            return schema
        schema = document["components"]["schemas"][way["$ref"].rpartition("/")[2]]


def config_of(url: str, token: str, random: dict[str, int] | None = None, *, known: bool = True) -> SchemathesisConfig:
    """The engine's settings: for examples and boundaries, or for so many random cases by operation, with ids that it has seen or without.

    Failures come as they are, not made small: a small one costs hundreds of requests more.
    """
    sizes = [{"include-name": label, "generation": {"max-examples": count}} for label, count in (random or {}).items()]
    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "base-url": url,
            "headers": {"Authorization": f"Bearer {token}"},
            "continue-on-failure": True,
            "suppress-health-check": ["all"],
            "request-timeout": 30,
            "generation": {"database": "none", "no-shrink": True},
            "operations": sizes,
            "phases": {
                "examples": {"enabled": not random},
                "coverage": {"enabled": not random},
                "fuzzing": {"enabled": bool(random), "extra-data-sources": {"responses": known}},
                "stateful": {"enabled": False},
            },
            "checks": {
                "negative_data_rejection": {"expected-statuses": REFUSALS},
                **{name: {"enabled": False} for name in OFF},
            },
        }
    )


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields path, verb and operation."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def only(document: dict[str, Any], paths: Collection[str]) -> dict[str, Any]:
    """The document with some paths only, each with all its verbs: one that is not named would be taken for one that is refused."""
    return {**document, "paths": {path: verbs for path, verbs in document["paths"].items() if path in paths}}


def labels_of(document: dict[str, Any]) -> list[str]:
    """What the engine calls the operations."""
    return [f"{verb.upper()} {path}" for path, verb, _ in operations(document)]


def part_of(document: dict[str, Any], service: str) -> dict[str, Any]:
    """The document with the operations of one service of the contracts only; what is nobody's goes with the first."""
    tag, tags = service.rpartition(".")[2], {name.rpartition(".")[2] for name in SERVICES}
    paths: dict[str, Any] = {}
    for path, verb, operation in operations(document):
        here = tag in operation["tags"] or (service == SERVICES[0] and not tags & set(operation["tags"]))
        if here and operation["operationId"] not in BY_HAND:
            paths.setdefault(path, {})[verb] = operation
    return {**document, "paths": paths}


def chosen(document: dict[str, Any], soaking: bool) -> dict[str, Any]:
    """The part of a document that is sent to."""
    return document if soaking else only(document, part(list(document["paths"]), TURNS, SEED))


def attack(document: dict[str, Any], url: str, token: str, soaking: bool) -> Report:
    """Runs the engine to its end: examples and boundaries first, then as many random cases as are missing."""
    report, began = Report(document=document), time.monotonic()
    bounds = document if soaking else only(document, part(list(document["paths"]), ONE_IN // TURNS, 0))
    run(bounds, config_of(url, token), report, None if soaking else sampled())
    labels = labels_of(document)
    random = {one: max(RANDOM, LONG - report.cases[one]) if soaking else SHORT for one in labels}
    run(document, config_of(url, token, random), report)
    # Where few rows are known, their ids make few cases; the rest goes to rows that nobody knows.
    wanted = LONG if soaking else SHORT
    missing = {one: wanted - report.cases[one] for one in labels if report.cases[one] < wanted}
    if missing:
        less = only(document, {one.partition(" ")[2] for one in missing})
        run(less, config_of(url, token, {**dict.fromkeys(labels_of(less), 1), **missing}, known=False), report)
    report.seconds = time.monotonic() - began
    return report


def run(document: dict[str, Any], config: SchemathesisConfig, report: Report, keeps: Any = None) -> None:
    """Runs the engine once against the operations of a document; `keeps` tells whether a case is sent.

    What is left out is left out of the document: the engine's own filters are lost where its settings name operations.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the engine's own, of long texts and of random numbers in its strategies
        schema = schemathesis.openapi.from_dict(document, config=config)
        if keeps is not None:
            schema.hook("filter_case")(keeps)
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                report.take(event)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                report.found[f"{getattr(event, 'label', '')} the engine"] = str(getattr(event, "value", event))[:500]


def sampled() -> Any:
    """Returns what lets every n-th boundary case of an operation through, so that the short size stays short."""
    seen: Counter[str] = Counter()

    def keeps(context: Any, case: Any) -> bool:
        if case.meta is None or case.meta.phase.name.value != "coverage":
            return True
        seen[case.operation.label] += 1
        return seen[case.operation.label] % STEP == 1

    return keeps


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Names the caller: the maker's administrator, and in the long size also a dealer's manager, whose scope makes other SQL."""
    if "role" in metafunc.fixturenames:
        dealers = ["dealer.manager"] if metafunc.config.getoption("--soak") else []
        metafunc.parametrize("role", ["oem.admin", *dealers])


@pytest.mark.soak
@pytest.mark.timeout(10_000)
@pytest.mark.parametrize("service", SERVICES)
async def test_every_operation_answers_as_its_document_says_and_refuses_bad_data(
    service: str, role: str, cast: Cast, soaking: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    document = chosen(part_of((await cast.http.get("/openapi.json")).json(), service), soaking)
    caller = next(one for one in cast.callers() if one.seat.role == role)

    report = await asyncio.to_thread(attack, document, cast.world.platform.http_url, caller.token, soaking)

    labels = labels_of(document)
    least, label = min((report.cases[label], label) for label in labels)
    with capsys.disabled():
        print(
            f"\nschemathesis {service} as {role}, seed {SEED}: {len(labels)} operations, {report.cases.total()} cases "
            f"(fewest {least}: {label}), {len(report.found)} findings, {report.seconds:.0f} s, "
            f"{dict(sorted(report.statuses.items()))}"
        )
    assert not report.found, "\n\n".join(f"{name}: {text}" for name, text in sorted(report.found.items()))
    assert set(report.cases) >= set(labels)
    assert least >= (LONG if soaking else SHORT), label


async def test_every_operation_of_the_document_is_attacked(cast: Cast) -> None:
    document = (await cast.http.get("/openapi.json")).json()
    every = [operation["operationId"] for _, _, operation in operations(document)]
    attacked = [one["operationId"] for service in SERVICES for _, _, one in operations(part_of(document, service))]

    assert sorted(every) == sorted([*attacked, *BY_HAND])


class TestLive:
    """The one operation that the engine cannot read: server-sent events."""

    @pytest.mark.parametrize(
        "last", ["", "x", "-1", "9" * 400, "é".encode().decode("latin-1"), "0-0;DROP TABLE", "%00", "1,2,3"]
    )
    async def test_a_stream_begins_or_is_refused_whatever_the_last_id_is(self, last: str, cast: Cast) -> None:
        token = cast.world.platform.token("oem.admin")
        headers = {"authorization": f"Bearer {token}", "last-event-id": last.encode("latin-1")}
        async with cast.http.stream("GET", "/v1/events", headers=headers) as answer:
            assert answer.status_code in (200, 400), await answer.aread()
            kind = "text/event-stream" if answer.status_code == 200 else "application/problem+json"
            assert answer.headers["content-type"].startswith(kind)

    @pytest.mark.parametrize("token", ["", "nonsense"])
    async def test_nobody_listens_without_a_token(self, token: str, cast: Cast) -> None:
        answer = await cast.http.get("/v1/events", headers={"authorization": f"Bearer {token}"} if token else {})
        assert (answer.status_code, answer.json()["reason"]) == (401, "UNAUTHENTICATED")

    @pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE"])
    async def test_another_verb_is_refused(self, verb: str, cast: Cast) -> None:
        headers = {"authorization": f"Bearer {cast.world.platform.token('oem.admin')}"}
        answer = await cast.http.request(verb, "/v1/events", headers=headers)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
