"""A survey service on a real PostgreSQL and NATS, and the requests that tests are made of."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from devstack.ports import free_port
from google.protobuf import json_format
from marque_survey.rules import links
from servicekit import contract
from servicekit.ids import new_uuid
from servicekit.messaging import envelope
from servicekit.sealing.keys import Keyring
from servicekit.sealing.sealer import Sealer
from servicekit.service import connect_nats
from servicekit.testing.client import Client
from servicekit.testing.platform import Platform, until

_numbers = itertools.count(100_000)
DOCUMENT: dict[str, Any] = {
    "languages": ["zh-CN", "en"],
    "titles": {"zh-CN": "服务回访", "en": "After your visit"},
    "intros": {"en": "Two minutes."},
    "thanks": {"en": "Thank you."},
    "questions": [
        {"code": "nps", "kind": 3, "texts": {"zh-CN": "您会推荐我们吗？", "en": "Would you recommend us?"}, "scale_max": 10,
         "required": True, "measure": 1},
        {"code": "why", "kind": 4, "texts": {"zh-CN": "为什么？", "en": "Why?"}, "show_if": "answers.nps <= 6", "required": True},
        {"code": "clean", "kind": 1, "texts": {"zh-CN": "干净吗？"}, "measure": 2, "factor": "FACILITY", "options": [
            {"code": "good", "texts": {"zh-CN": "好"}, "score": 5}, {"code": "fair", "texts": {"zh-CN": "一般"}, "score": 3},
            {"code": "bad", "texts": {"zh-CN": "差"}, "score": 1}]},
        {"code": "advice", "kind": 3, "texts": {"zh-CN": "服务顾问"}, "scale_min": 1, "scale_max": 10, "factor": "ADVISOR"},
        {"code": "work", "kind": 3, "texts": {"zh-CN": "维修质量"}, "scale_min": 1, "scale_max": 10, "factor": "QUALITY"},
        {"code": "liked", "kind": 2, "texts": {"zh-CN": "喜欢什么"}, "options": [
            {"code": "tea", "texts": {"zh-CN": "茶"}}, {"code": "speed", "texts": {"zh-CN": "快"}}]},
    ],
    "alarm_rules": [{"code": "LOW_NPS", "condition": "answers.nps <= 3"}],
    "index": "CSI",
    "market": "CN",
}  # fmt: skip


class Desk:
    """The started service with clients by role; `make_*` write and return the answers."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.manager = self.client("oem.manager")

    def client(self, role: str = "", **scope: Any) -> Client:
        return self.platform.client("survey", role, **scope)

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        return await self.platform.sql("survey", query, *arguments)

    async def call(self, rpc: str, client: Client | None = None, **request: Any) -> Any:
        """Calls an RPC of the service by its name with a request as JSON in the contract's names."""
        service = next(
            name for name in contract.services() if name.startswith("marque.survey.") and rpc in contract.methods(name)
        )
        message = json_format.ParseDict(request, contract.methods(service)[rpc].input())
        return await (client or self.manager).call(f"{service.removeprefix('marque.')}/{rpc}", message)

    async def make(self, name: str = "Visit", **document: Any) -> Any:
        """A draft; `document` are fields that differ."""
        return await self.call(
            "CreateQuestionnaire", questionnaire={"name": name, "document": {**DOCUMENT, **document}}
        )

    async def published(self, **document: Any) -> Any:
        """A questionnaire with a version."""
        made = await self.make(**document)
        return await self.call("PublishQuestionnaire", questionnaire_id=made.questionnaire_id)

    async def invited(self, dealer: str | None = None, made: Any = None, **columns: Any) -> tuple[str, str]:
        """An invitation whose link was handed over, as `CreateInvitation` leaves it; returns its id and the token of its link."""
        made = made or await self.published()
        invitation = uuid.uuid4()
        values = {
            "invitation_id": invitation, "questionnaire_id": uuid.UUID(made.questionnaire_id), "questionnaire_number": made.number,
            "customer_id": uuid.uuid4(), "dealer_id": uuid.UUID(dealer) if dealer else None, "trigger": 4, "state": 3, "channel": 2,
            "send_count": 1, "anonymous": made.document.anonymous, "expire_time": datetime.now(UTC) + timedelta(days=1), **columns,
        }  # fmt: skip
        places = ", ".join(f"${at}" for at in range(1, len(values) + 1))
        await self.sql(
            f"INSERT INTO invitations ({', '.join(values)}, version, create_time, update_time) VALUES ({places}, 1, now(), now())",
            *values.values(),
        )
        return str(invitation), self.token(invitation)

    def token(self, invitation: uuid.UUID, number: int = 1) -> str:
        sealer = Sealer(Keyring.read(self.platform.sealing_keys(), ""))
        return links.make(invitation, number, sealer.digest)

    async def save(self, token: str, code: str, *, submission: str = "tab", sequence: int = 1, **value: Any) -> Any:
        """Gives an answer, as the page does."""
        answer = {"question_code": code, **value}
        anybody = self.client()
        told = {"token": token, "answer": answer, "submission_id": submission, "sequence": sequence}
        return await self.call("SaveSurveyAnswer", anybody, **told)

    async def answered(self, token: str, nps: int = 10, **more: int) -> Any:
        """Answers to the end."""
        await self.save(token, "nps", number=nps)
        if nps <= 6:
            await self.save(token, "why", text="太慢了")
        for code, number in more.items():
            await self.save(token, code, number=number)
        return await self.call("FinishSurvey", self.client(), token=token)

    async def events(self, invitation: str) -> list[str]:
        """The short names of the events of an invitation, in order."""
        rows = await self.sql(
            "SELECT event_type FROM outbox_messages WHERE aggregate_id = $1 ORDER BY position", invitation
        )
        return [row["event_type"].rpartition(".")[2] for row in rows]

    async def say(self, *events: Any) -> None:
        """Publishes events of other services and waits until they were applied."""
        broker = await connect_nats(self.platform.nats.url, "test")
        ids = []
        for event in events:
            kind, event_id = contract.event(event.DESCRIPTOR), new_uuid()
            event.aggregate_version = event.aggregate_version or 1
            event.occur_time.GetCurrentTime()
            key, time = getattr(event, kind.key), event.occur_time.ToDatetime(UTC)
            head = envelope.headers(
                event_id=str(event_id), event_type=kind.name, key=key, version=1, time=time, traceparent=None
            )
            await broker.jetstream().publish(kind.name, event.SerializeToString(), headers=head)
            ids.append(event_id)
        await broker.close()

        async def applied() -> bool:
            rows = await self.sql("SELECT 1 FROM inbox_messages WHERE event_id = ANY($1)", ids)
            return len(rows) == len(ids)

        await until(applied, 30, "the events were not applied")

    async def make_dealer(self, *, region: str = "", group: str = "") -> str:
        """A dealer as the service would have heard of it."""
        dealer = str(uuid.uuid4())
        await self.sql(
            "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
            "VALUES ($1, $2, $3, $4, 'Asia/Shanghai', 1, 1)",
            dealer, f"D{next(_numbers)}", region, group,
        )  # fmt: skip
        return dealer


class Server:
    """The service and the gateway as processes of their own, on doors that stay, with nothing of their last moment kept back."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._doors = {"http_port": free_port(), "grpc_port": free_port(), "address_rate": 1_000_000}
        self._settings: Any = None
        self._processes: list[Any] = []

    async def start(self) -> None:
        """Starts both; the first time, or again."""
        self._settings = self._settings or await self._platform.prepare("survey", grpc_port=free_port())
        self._processes = [await self._platform.spawn_again("survey", self._settings)]
        self._processes.append(await self._platform.spawn_gateway(**self._doors))

    async def kill(self) -> None:
        """Ends both at once, as a power cut would."""
        for process in self._processes:
            process.kill()
            await asyncio.to_thread(process.wait)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mortal(platform: Platform) -> AsyncIterator[tuple[Desk, Server]]:
    """A survey service and a gateway that can be killed, once for each module of tests."""
    server = Server(platform)
    await server.start()
    yield Desk(platform), server
    await server.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform: Platform) -> AsyncIterator[Desk]:
    """A survey service, once for each module of tests."""
    await platform.start("survey")
    yield Desk(platform)


class CallDesk(Desk):
    """A survey service beside a customer service that permits calls, with people who can be called."""

    async def ask(self, service: str, rpc: str, **request: Any) -> Any:
        """Calls an RPC of the customer service."""
        method = contract.methods(f"marque.customer.v1.{service}")[rpc]
        message = json_format.ParseDict(request, method.input())
        return await self.platform.client("customer", "oem.manager").call(f"customer.v1.{service}/{rpc}", message)

    async def person(self, *, zone: str = "", agrees: bool = True) -> tuple[str, str]:
        """Somebody with a phone, who agreed to be called; returns id and number."""
        number = f"+86138{next(_numbers) + 10_000_000:08d}"
        point = {"kind": "CONTACT_POINT_KIND_PHONE", "value": number}
        given = {"kind": 1, "name": {"full_name": "王伟"}, "contact_points": [point], "time_zone": zone}
        made = await self.ask("CustomerService", "CreateCustomer", customer=given)
        entry = {"purpose": "CONSENT_PURPOSE_RESEARCH", "channel": "CHANNEL_PHONE", "text_version": "t", "source": "test",
                 "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"}}  # fmt: skip
        if agrees:
            await self.ask("ConsentService", "GrantConsent", customer_id=made.customer_id, entry=entry)
        return str(made.customer_id), number

    async def task(self, made: Any, customer: str, **more: Any) -> Any:
        """A task to call somebody; returns it as its queue shows it."""
        asked = {"questionnaire_id": made.questionnaire_id, "customer_id": customer, "channel": 3, **more}
        invitation = await self.call("CreateInvitation", **asked)
        return (await self.call("ListCallTasks", invitation_id=invitation.invitation_id)).call_tasks[0]

    async def dialled(self, agent: Client, task: Any) -> Any:
        """Takes a task and dials."""
        await self.call("TakeCallTask", agent, call_task_id=task.call_task_id)
        return await self.call("DialCallTask", agent, call_task_id=task.call_task_id)

    async def state(self, task: Any) -> tuple[int, str]:
        """The state and the reason of the invitation of a task."""
        found = await self.call("GetInvitation", invitation_id=task.invitation_id)
        return found.state, found.reason


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def call_desk(platform: Platform) -> AsyncIterator[CallDesk]:
    """Both services, once for each module of tests; nobody is called from 22:00 to 8:00 of their day."""
    await platform.start("customer")
    made = CallDesk.__new__(CallDesk)
    made.platform = platform
    quiet = {"channel_class": "CONTACT_CHANNEL_CLASS_VOICE", "quiet_start_minute": 1320, "quiet_end_minute": 480}
    for rule in (quiet, {"purpose": "CONSENT_PURPOSE_RESEARCH"}):
        await made.ask("ContactRuleService", "PutContactRule", contact_rule=rule)
    await platform.start("survey")
    made.manager = made.client("oem.manager", subject="manager")
    yield made
