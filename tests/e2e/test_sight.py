"""What operations see of a real platform as `make run` starts it: one request through the trace view, every dashboard on a real Prometheus.

Prometheus and Chromium come where setup or the machine brings them (tools/prometheus.py; Debian's `chromium`); without, their tests are
skipped by name.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from devstack import ports
from devstack.layout import Layout
from devstack.stack import DevStack
from servicekit.testing import chromium
from servicekit.testing.platform import until
from servicekit.testing.world import new_vin
from sight.__main__ import files
from sight.dashboards import DASHBOARDS

ROOT = Path(__file__).resolve().parents[2]
PERSONA = "urn:marque:dev:persona"
PATIENCE = 60.0
QUESTIONS = {
    "languages": ["en"],
    "titles": {"en": "How was it?"},
    "questions": [
        {"code": "glad", "kind": "QUESTION_KIND_RATING", "texts": {"en": "Are you glad?"}, "scaleMin": 1, "scaleMax": 5}
    ],
}


@dataclass
class Place:
    """A platform that runs, and the doors to it."""

    dev: DevStack
    http: httpx.AsyncClient
    tokens: dict[str, str]

    async def send(self, role: str, verb: str, path: str, body: Any = None) -> httpx.Response:
        """Asks the HTTP door by a role; fails unless it is done."""
        answer = await self.http.request(verb, path, json=body, headers=await self.bearer(role))
        assert answer.status_code == 200, answer.text
        return answer

    async def bearer(self, role: str) -> dict[str, str]:
        if role not in self.tokens:
            form = {"grant_type": PERSONA, "roles": role, "sub": f"test:{role}"}
            told = await self.http.post(f"{self.dev.addresses.issuer_url}/token", data=form)
            self.tokens[role] = told.json()["access_token"]
        return {"authorization": f"Bearer {self.tokens[role]}"}

    async def tempo(self, path: str, **query: Any) -> Any:
        """Asks for traces as `ops`; None where there is no such trace yet."""
        answer = await self.http.get(f"/ops/traces/api/{path}", params=query, headers=await self.bearer("ops"))
        return answer.json() if answer.status_code == 200 else None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """The platform as `make run` starts it, traces with it, on nothing."""
    layout = Layout(tmp_path_factory.mktemp("sight") / "state")
    layout.make()
    doors = [ports.free_port(), ports.free_port()]
    for port in doors:
        ports.release(port)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARQUE_")}
    told = {"postgres_settings": {"fsync": "off"}, "traces": True}
    services = ["network", "customer", "vehicle", "campaign", "complaint", "survey", "gateway"]
    dev = DevStack(layout, environ, services=services, http_port=doors[0], grpc_port=doors[1], **told)
    await dev.start()
    try:
        async with httpx.AsyncClient(base_url=str(dev.addresses.http_url), timeout=60, trust_env=False) as client:
            yield Place(dev, client, {})
    finally:
        await dev.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sale(place: Place) -> str:
    """The trace of a sale: the door, the vehicle service, the customer service that it asks and that hears of it, SQL and NATS."""
    dealer = {"code": "D-1", "names": {"en": "Dealer"}, "kinds": ["DEALER_KIND_SALES"], "timeZone": "Asia/Shanghai"}
    dealer_id = (await place.send("oem.manager", "POST", "/v1/dealers", dealer)).json()["dealerId"]
    person = {"kind": "CUSTOMER_KIND_PERSON", "name": {"fullName": "王小明"}}
    customer = (await place.send("oem.agent", "POST", "/v1/customers", person)).json()["customerId"]
    car = {"vin": new_vin(), "make": "Marque", "model": "One", "modelYear": 2025}
    await place.send("oem.manager", "POST", "/v1/vehicles", car)
    body = {
        "dealerId": dealer_id, "vin": car["vin"], "buyerCustomerId": customer, "invoiceNumber": "S-1",
        "invoiceDate": {"year": 2026, "month": 11, "day": 2}, "use": "VEHICLE_USE_PRIVATE",
    }  # fmt: skip
    headers = await place.bearer("oem.manager")

    async def sold() -> str | None:  # the services hear of dealer and customer by event
        answer = await place.http.post("/v1/sales", json=body, headers=headers)
        return answer.headers["x-trace-id"] if answer.status_code == 200 else None

    found: str = await until(sold, PATIENCE, "the car cannot be sold")
    asked = {"name": "How was it?", "document": QUESTIONS}
    questionnaire = (await place.send("oem.manager", "POST", "/v1/questionnaires", asked)).json()["questionnaireId"]
    await place.send("oem.manager", "POST", f"/v1/questionnaires/{questionnaire}:publish", {})
    invitation = {"questionnaireId": questionnaire, "customerId": customer, "channel": "INVITATION_CHANNEL_LINK"}
    await place.send("oem.manager", "POST", "/v1/surveyInvitations", invitation)
    case = {"case": {"kind": "CASE_KIND_COMPLAINT", "customerId": customer}, "description": "It squeals."}
    await place.send("oem.manager", "POST", "/v1/cases", case)
    lead = {"customerId": customer, "source": "LEAD_SOURCE_SHOWROOM"}
    await place.send("oem.agent", "POST", "/v1/leads", lead)
    await place.send("oem.agent", "GET", f"/v1/customers/{customer}/overview")
    return found


def spans_of(trace: Any) -> list[tuple[str, str, str]]:
    """Service, name and kind of every span of Tempo's answer."""
    found = []
    for batch in trace["batches"]:
        service = next(
            one["value"]["stringValue"] for one in batch["resource"]["attributes"] if one["key"] == "service.name"
        )
        found += [(service, span["name"], span["kind"]) for scope in batch["scopeSpans"] for span in scope["spans"]]
    return found


async def whole(place: Place, trace_id: str) -> Any:
    trace = await place.tempo(f"traces/{trace_id}")
    if trace is None:
        return None
    found = {(service, name) for service, name, _ in spans_of(trace)}
    wanted = {
        ("gateway", "POST /v1/sales"),
        ("vehicle", "marque.vehicle.v1.SaleService/RecordSale"),
        ("customer", "process marque.vehicle.v1.SaleRecorded"),
    }
    return trace if wanted <= found else None


class TestTraceView:
    async def test_one_request_is_seen_through_door_services_sql_and_broker(self, place: Place, sale: str) -> None:
        trace = await until(lambda: whole(place, sale), PATIENCE, "the trace is not whole")
        spans = spans_of(trace)
        services = {service for service, _, _ in spans}
        assert {"gateway", "vehicle", "customer"} <= services
        assert any(name.startswith(("SELECT", "INSERT")) for _, name, _ in spans)
        assert any(name == "create marque.vehicle.v1.SaleRecorded" for _, name, _ in spans)
        assert ("customer", "process marque.vehicle.v1.SaleRecorded", "SPAN_KIND_CONSUMER") in spans

    async def test_it_is_found_by_what_is_known_of_it(self, place: Place, sale: str) -> None:
        await until(lambda: whole(place, sale), PATIENCE, "the trace is not whole")
        query = '{ rootName = "POST /v1/sales" && .db.system.name = "postgresql" } && { resource.service.name = "customer" }'
        found = await place.tempo("search", q=query)
        assert [one["traceID"] for one in found["traces"]] == [sale]
        services = (await place.tempo("search/tag/service.name/values"))["tagValues"]
        assert {"customer", "gateway", "vehicle"} <= set(services)
        tags = await place.tempo("v2/search/tags")
        assert {"resource", "span", "intrinsic"} == {scope["name"] for scope in tags["scopes"]}

    async def test_what_begins_by_itself_is_not_recorded(self, place: Place, sale: str) -> None:
        await until(lambda: whole(place, sale), PATIENCE, "the trace is not whole")
        itself = '{ rootServiceName != "gateway" && rootName != nil && rootName !~ "(publish|process) .*" }'
        found = await place.tempo("search", q=itself, limit=5)
        assert found["traces"] == []

    async def test_chromium_shows_the_request_as_a_waterfall(self, place: Place, sale: str, tmp_path: Path) -> None:
        if chromium.path() is None:
            pytest.skip("Chromium is not on this machine (make browser)")
        waiting = [sys.executable, str(ROOT / "tools" / "ops_ui.py"), "--await"]
        built = await asyncio.to_thread(subprocess.run, waiting, capture_output=True, text=True, check=False)
        if built.returncode == 2:
            pytest.skip(built.stdout.strip())
        assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
        await until(lambda: whole(place, sale), PATIENCE, "the trace is not whole")
        token = (await place.bearer("ops"))["authorization"].removeprefix("Bearer ")
        url = f"{place.dev.addresses.http_url}/ops/traces/?trace={sale}#token={token}"
        async with chromium.Chromium.started(tmp_path) as browser:
            tab = await (await browser.reader("en-US")).open(url)
            await tab.call(
                "Emulation.setDeviceMetricsOverride", width=1400, height=1600, deviceScaleFactor=1, mobile=False
            )
            for wanted in (
                "POST /v1/sales",
                "marque.vehicle.v1.SaleService/RecordSale",
                "gateway",
                "vehicle",
                "customer",
                "Service map",
            ):
                await tab.sees(f"document.body.innerText.includes({wanted!r})")
            await tab.sees("document.querySelector('[data-testid=service-map] canvas') !== null")
            picture = base64.b64decode((await tab.call("Page.captureScreenshot"))["data"])
        if folder := os.environ.get("MARQUE_PICTURES"):
            (Path(folder) / "ops-traces.png").write_bytes(picture)
        assert len(picture) > 20_000


@pytest.fixture(scope="module")
def prometheus(place: Place, sale: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that measures every process of the platform; its address."""
    path = f"{os.environ.get('PATH', '')}:{Path(sys.prefix) / 'tools' / 'usr' / 'bin'}"
    program = shutil.which("prometheus", path=path)
    if program is None:
        pytest.skip("prometheus is not on this machine: tools/prometheus.py could not bring it")
    folder = tmp_path_factory.mktemp("prometheus")
    targets = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}}
        for name, port in place.dev.addresses.health_ports.items()
    ]
    config = {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [{"job_name": "marque", "static_configs": targets}],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    (folder / "alerts.yaml").write_text(files()["alerts.yaml"])
    port = ports.free_port()
    ports.release(port)
    options = [
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.yaml", *options], stdout=log, stderr=log
        )
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


class TestDashboards:
    async def test_every_query_returns_data_and_every_target_is_up(self, place: Place, prometheus: str) -> None:
        async with httpx.AsyncClient(base_url=f"{prometheus}/api/v1", timeout=60, trust_env=False) as client:
            missing = {
                (board.uid, panel.title, query.expr)
                for board in DASHBOARDS
                for panel in board.panels
                for query in panel.queries
            }

            async def all_told() -> bool:
                await place.send("oem.agent", "GET", "/v1/dealers")
                for wanted in sorted(missing):
                    if await _result(client, wanted[2]):
                        missing.discard(wanted)
                return not missing

            try:
                await until(all_told, PATIENCE, "")
            except AssertionError:
                pytest.fail(f"no data: {sorted(missing)}")
            up = await _result(client, "up")
            assert {(one["metric"]["service"], one["value"][1]) for one in up} == {
                (name, "1") for name in place.dev.services
            }
            firing = await _result(client, 'ALERTS{alertstate="firing"}')
            assert firing == []
            sold = await _result(client, 'sum(marque_events_total{event_type="marque.vehicle.v1.SaleRecorded"})')
            assert [one["value"][1] for one in sold] == ["1"]

    async def test_an_exemplar_leads_to_its_trace(self, place: Place, prometheus: str) -> None:
        async with httpx.AsyncClient(base_url=f"{prometheus}/api/v1", timeout=60, trust_env=False) as client:

            async def found() -> Any:
                await place.send("oem.agent", "GET", "/v1/dealers")
                now = (await client.get("/query", params={"query": "time()"})).json()["data"]["result"][0]
                told = await client.get(
                    "/query_exemplars",
                    params={
                        "query": "http_server_duration_seconds_bucket",
                        "start": float(now) - 300,
                        "end": float(now) + 5,
                    },
                )
                ids = [one["labels"]["trace_id"] for series in told.json()["data"] for one in series["exemplars"]]
                return next(iter([one for one in ids if await place.tempo(f"traces/{one}")]), None)

            assert len(await until(found, PATIENCE, "no exemplar leads to a trace")) == 32


async def _result(client: httpx.AsyncClient, expr: str) -> list[Any]:
    bare = expr.replace("$service", ".*").replace("$__rate_interval", "30s")
    try:
        answer = await client.get("/query", params={"query": bare})
    except httpx.TransportError:
        return []
    if answer.status_code == 503:  # it is starting
        return []
    assert answer.status_code == 200, (bare, answer.text)
    result: list[Any] = answer.json()["data"]["result"]
    return result
