"""A person is erased from the whole platform: no word of theirs is left in any database, in the broker's store, in logs or files.

The services are processes of their own, one of which is killed and away when the erasure begins; people write about the person while they
are erased. Before, the same scan finds every word, so that it is known to look where they were.
"""

from __future__ import annotations

import asyncio
import io
import json
import uuid
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from devstack.ports import free_port
from marque.customer.v1 import call_service_pb2
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.testing import residue, web
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import World

pytestmark = pytest.mark.slow

SERVICES = ("network", "customer", "vehicle")
DEMAND = {"reason": "DEMAND"}
# Sealed where it stands, so that no scan finds it; and what a rejected row said, of which only the key is kept.
NEVER_KEPT = {"passport", "name in a bad row", "e-mail in a bad row"}
# What is tied to nobody, or stands only in answers that are kept two days for retries: erased all the same.
NOT_EXPORTED = {"letter", "name in a bad row", "e-mail in a bad row", "family name", "given name"}


@dataclass
class Scene:
    """The platform, a person on it, and every word that only this person has."""

    platform: Platform
    world: World
    settings: dict[str, Any]
    processes: dict[str, Any]
    http: httpx.AsyncClient
    called: dict[str, str] = field(default_factory=dict)
    customer: str = ""
    other: str = ""
    key: str = ""
    archive: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """Every word so far."""
        return list(self.called.values())

    def word(self, what: str) -> str:
        """A new word of the person's, which is nowhere else."""
        assert what not in self.called
        self.called[what] = f"zq{uuid.uuid4().hex[:14]}"
        return self.called[what]

    def digits(self, what: str, count: int) -> str:
        """A new number of the person's."""
        self.called[what] = str(uuid.uuid4().int)[-count:]
        return self.called[what]

    async def send(self, verb: str, path: str, body: Any = None, *, role: str = "oem.admin", **more: Any) -> Any:
        """Sends a request under a key of its own, so that its answer is kept; returns the answer's body."""
        headers = {
            "authorization": f"Bearer {self.platform.token(role, **more.pop('scope', {}))}",
            "idempotency-key": uuid.uuid4().hex,
            **more.pop("headers", {}),
        }
        answer = await self.http.request(verb, path, json=body, headers=headers, **more)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def found(self) -> set[str]:
        """Where a word of the person's is."""
        folders = [self.platform.folder, self.platform.nats.store_dir, self.platform.postgres.log_file]
        return await residue.in_databases(self.platform, self.words) | await residue.in_files(folders, self.words)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(platform: Platform) -> AsyncIterator[Scene]:
    """The platform with a person on it who was seen by everybody, and then erased while one service was away."""
    ports = {name: free_port() for name in SERVICES}
    told = {"peers": {name: f"127.0.0.1:{port}" for name, port in ports.items()}, "log_level": "DEBUG"}
    told["trace_sample_ratio"] = 0.0
    own = {"customer": {"erasure_settle_seconds": 3.0}}
    settings = {
        name: await platform.prepare(name, grpc_port=port, **told, **own.get(name, {})) for name, port in ports.items()
    }
    processes = {name: await platform.spawn_again(name, settings[name]) for name in SERVICES}
    await platform.spawn_gateway(
        trace_sample_ratio=0.0, log_level="DEBUG", principal_rate=10_000.0, address_rate=10_000.0
    )
    async with web.client(platform.http_url, timeout=60) as http:
        made = Scene(platform, World(platform, InMemorySpanExporter()), settings, processes, http)
        await live(made)
        await exported(made)
        yield made


async def live(scene: Scene) -> None:
    """Everything that is kept of a person in the course of years."""
    dealer = await scene.world.dealer()
    scene.key = scene.word("key")
    person = {
        "kind": "CUSTOMER_KIND_PERSON",
        "name": {"familyName": scene.word("family name"), "givenName": scene.word("given name")},
        "occupation": scene.word("occupation"),
        "interests": [scene.word("interest")],
        "timeZone": "Asia/Shanghai",
        "addresses": [{"address": {"lines": [scene.word("line")], "city": scene.word("city"), "countryCode": "CN"}}],
        "contactPoints": [
            {"kind": "CONTACT_POINT_KIND_PHONE", "value": f"+86139{scene.digits('phone', 8)}"},
            {"kind": "CONTACT_POINT_KIND_EMAIL", "value": f"{scene.word('e-mail')}@example.org"},
            {"kind": "CONTACT_POINT_KIND_MESSAGING", "value": scene.word("messenger"), "provider": "wechat"},
        ],
        "sourceReferences": [{"source": "dms-x", "sourceKey": scene.key}],
    }
    made = await scene.send("POST", "/v1/customers", person, params={"dealerId": dealer})
    scene.customer = made["customerId"]
    one = f"/v1/customers/{scene.customer}"
    await scene.send(
        "PATCH", one, {"name": {"familyName": scene.word("new family name"), "givenName": scene.word("new given name")}}
    )
    paper = {
        "kind": "IDENTITY_DOCUMENT_KIND_PASSPORT",
        "countryCode": "DE",
        "number": f"Z{scene.digits('passport', 12)}",
    }
    await scene.send("POST", f"{one}/identityDocuments", paper)
    twin = {
        "kind": "CUSTOMER_KIND_PERSON",
        "name": {"fullName": scene.word("twin")},
        "contactPoints": person["contactPoints"][:1],
    }
    scene.other = (await scene.send("POST", "/v1/customers", twin))["customerId"]
    merge = {"fromCustomerId": scene.other, "reasons": ["SAME_PHONE"]}
    merged = await scene.send("POST", f"{one}:merge", merge)
    await scene.send("POST", f"/v1/customerMerges/{merged['mergeId']}:unmerge", {"reason": "MISTAKE"})
    await scene.send("POST", f"{one}:merge", merge)
    await spoken(scene, dealer, person["contactPoints"])
    await driven(scene, dealer)


async def spoken(scene: Scene, dealer: str, points: list[dict[str, str]]) -> None:
    """Touches, tasks, leads, letters, calls, files, consents."""
    one = f"/v1/customers/{scene.customer}"
    touch = {"kind": "INTERACTION_KIND_CALL", "direction": "INTERACTION_DIRECTION_INBOUND"}
    await scene.send(
        "POST", f"{one}/interactions", {**touch, "subject": scene.word("subject"), "note": scene.word("note")}
    )
    task = {
        "kind": "TASK_KIND_CALL",
        "title": scene.word("task"),
        "customerId": scene.customer,
        "dueTime": "2030-01-01T00:00:00Z",
    }
    await scene.send("POST", "/v1/tasks", task)
    lead = {"customerId": scene.customer, "source": "LEAD_SOURCE_SHOWROOM", "comments": scene.word("comments")}
    lead_id = (await scene.send("POST", "/v1/leads", lead))["leadId"]
    promise = {"kind": "LEAD_PROMISE_KIND_GIFT", "text": scene.word("promise")}
    await scene.send("POST", f"/v1/leads/{lead_id}/promises", promise)
    # A letter that became no lead: nobody is named by it, but the phone and e-mail stand in it.
    phone, mail = points[0]["value"], points[1]["value"]
    said = f"{scene.word('letter')} call {phone[3:6]}-{phone[6:10]} {phone[10:]} or {mail}"
    letter = f"<adf><prospect><customer><comments>{said}</comments></customer></prospect></adf>"
    headers = {"authorization": f"Bearer {scene.platform.token('oem.admin')}", "content-type": "application/x-adf+xml"}
    answer = await scene.http.post("/v1/leads:adf", content=letter.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    client = scene.platform.client("customer", "service")
    event = call_service_pb2.RecordCallEventRequest(
        provider="pbx", event_id=uuid.uuid4().hex, provider_call_id=uuid.uuid4().hex, kind=1, number=phone, direction=1
    )
    event.event_time.GetCurrentTime()
    await client.call("customer.v1.CallService/RecordCallEvent", event)
    entry = {
        "purpose": "CONSENT_PURPOSE_MARKETING",
        "channel": "CHANNEL_EMAIL",
        "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"},
    }
    await scene.send("POST", f"{one}/consents:grant", {"entry": {**entry, "textVersion": "v1", "source": "call"}})
    row = f"source_key,full_name,email\n{scene.key},{scene.word('name in a file')},{scene.word('e-mail in a file')}@example.org\n"
    bad = f"{scene.key},{scene.word('name in a bad row')},not-an-address-{scene.word('e-mail in a bad row')}\n"
    for content in (row, f"source_key,full_name,email\n{bad}"):
        params = {"kind": "customers", "source": "dms-x", "fileName": "people.csv"}
        answer = await scene.http.post(
            "/v1/customer/imports",
            params=params,
            content=content.encode(),
            headers={**headers, "content-type": "text/csv"},
        )
        assert answer.status_code == 202, answer.text

    async def read() -> bool:
        query = "SELECT count(*) FROM imports WHERE end_time IS NULL"
        return not (await scene.platform.sql("customer", query))[0][0]

    await until(read, 30, "the files are not read")


async def driven(scene: Scene, dealer: str) -> None:
    """A car long ago, and a visit that is over."""
    # With letters that no hex digest has: five digits alone stand in one of some thousand digests by chance.
    scene.called["plate"] = f"AZW{uuid.uuid4().int % 1000:03}"
    vin = await scene.world.vehicle(plateNumber=f"沪{scene.called['plate']}")
    began = {"customerId": scene.customer, "role": "OWNERSHIP_ROLE_OWNER", "validStartTime": "2005-01-01T00:00:00Z"}
    await scene.send("POST", f"/v1/vehicles/{vin}/ownerships", began)
    order = {
        "dealerId": dealer, "vin": vin, "customerId": scene.customer, "number": uuid.uuid4().hex[:8],
        "faultDescription": scene.word("fault"), "lines": [{"complaint": scene.word("complaint"), "payType": "PAY_TYPE_CUSTOMER"}],
    }  # fmt: skip
    made = await scene.send("POST", "/v1/repairOrders", order)
    await scene.send("POST", f"/v1/repairOrders/{made['repairOrderId']}:close", {})

    async def known() -> Any:
        query = "SELECT 1 FROM known_cars WHERE plate <> '' AND customer_id = $1"
        return await scene.platform.sql("customer", query, uuid.UUID(scene.customer))

    await until(known, 30, "the plate is not known")


async def exported(scene: Scene) -> None:
    """The person's own export, downloaded."""
    scope = {"customer": scene.customer}
    started = await scene.send("POST", f"/v1/customers/{scene.customer}:exportData", {}, role="owner", scope=scope)
    where = f"/v1/dataExports/{started['dataExportId']}"

    async def ready() -> bool:
        return (await scene.send("GET", where, role="owner", scope=scope))["state"] == "DATA_EXPORT_STATE_READY"

    await until(ready, 30, "the export is not ready")
    token = scene.platform.token("owner", **scope)
    answer = await scene.http.get(f"{where}/archive", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    files = zipfile.ZipFile(io.BytesIO(answer.content))
    scene.archive = {name: files.read(name).decode() for name in files.namelist()}


class TestExport:
    async def test_the_archive_is_of_every_service_and_holds_what_is_said_of_the_person_by_name(
        self, scene: Scene
    ) -> None:
        manifest = json.loads(scene.archive["manifest.json"])
        assert set(manifest["services"]) == set(SERVICES)
        data = "".join(content for name, content in scene.archive.items() if name.startswith("data/"))
        missing = {what for what, word in scene.called.items() if word not in data}
        assert missing == NOT_EXPORTED
        for language in ("zh-CN", "en"):
            assert scene.called["new family name"] in scene.archive[f"report.{language}.html"]

    async def test_others_do_not_get_it(self, scene: Scene) -> None:
        (row,) = await scene.platform.sql("customer", "SELECT data_export_id FROM data_exports")
        stranger = {"customer": str(uuid.uuid4())}
        for role, scope, code in (("owner", stranger, 404), ("oem.agent", {}, 403), ("", {}, 401)):
            headers = {"authorization": f"Bearer {scene.platform.token(role, **scope)}"} if role else {}
            answer = await scene.http.get(f"/v1/dataExports/{row['data_export_id']}/archive", headers=headers)
            assert answer.status_code == code


class TestErasure:
    async def test_nothing_is_left_though_a_service_was_away_and_people_went_on_writing(self, scene: Scene) -> None:
        before = await scene.found()
        seen = {where.partition(": ")[2] for where in before}
        assert {what for what, word in scene.called.items() if word not in seen} == NEVER_KEPT
        assert not any("nats" in where or ".log" in where for where in before)
        scene.processes["vehicle"].kill()
        scene.processes["vehicle"].wait()
        writing = [asyncio.create_task(_write(scene, number)) for number in range(4)]
        await asyncio.sleep(0.1)
        begun = await scene.send("POST", f"/v1/customers/{scene.customer}:erase", DEMAND)
        where = f"/v1/erasures/{begun['erasureId']}"

        async def named() -> bool:
            return "vehicle" in (await scene.send("GET", where)).get("waitingForServices", [])

        await until(named, 60, "the service that is away is not named")
        await asyncio.gather(*writing)
        scene.processes["vehicle"] = await scene.platform.spawn_again("vehicle", scene.settings["vehicle"])

        async def ended() -> Any:
            found = await scene.send("GET", where)
            return found if found["state"] != "ERASURE_STATE_RUNNING" else None

        done = await until(ended, 60, "the erasure does not end")
        assert done["state"] == "ERASURE_STATE_COMPLETED", done["retained"]
        assert {(one["service"], one["passNumber"]) for one in done["acknowledgements"]} == {
            (name, turn) for name in SERVICES for turn in (1, 2)
        }
        assert {one["reason"] for one in done["retained"]} == {"CONSENT_PROOF"}
        assert done["certificate"]["signature"]
        assert await scene.found() == set()

    async def test_who_writes_again_is_a_new_person(self, scene: Scene) -> None:
        phone = scene.called["phone"]
        again = {
            "kind": "CUSTOMER_KIND_PERSON",
            "name": {"fullName": scene.called["family name"]},
            "contactPoints": [{"kind": "CONTACT_POINT_KIND_PHONE", "value": f"+86139{phone}"}],
        }
        made = await scene.send("POST", "/v1/customers", again)
        assert made["customerId"] not in (scene.customer, scene.other)
        assert made.get("possibleDuplicates", []) == []


async def _write(scene: Scene, number: int) -> None:
    """Goes on writing about the person, until told that they are gone."""
    touch = {"kind": "INTERACTION_KIND_CALL", "direction": "INTERACTION_DIRECTION_INBOUND"}
    token = scene.platform.token("oem.admin")
    for turn in range(25):
        headers = {"authorization": f"Bearer {token}", "idempotency-key": f"late-{number}-{turn}"}
        body: Any = {**touch, "note": scene.word(f"late note {number} {turn}")}
        path = f"/v1/customers/{scene.customer}/interactions"
        if turn % 2:
            path, body = f"/v1/customers/{scene.customer}/identityDocuments", {
                "kind": "IDENTITY_DOCUMENT_KIND_PASSPORT", "countryCode": "FR", "number": scene.word(f"late number {number} {turn}"),
            }  # fmt: skip
        await scene.http.post(path, json=body, headers=headers)
