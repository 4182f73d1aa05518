"""A complaint service on a real PostgreSQL and NATS, and the requests that tests are made of."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from google.protobuf import json_format
from marque.complaint.v1 import case_pb2
from servicekit import contract
from servicekit.testing.client import Client
from servicekit.testing.platform import Platform

CASES, THREADS = "complaint.v1.CaseService", "complaint.v1.CaseThreadService"
RELATIONS = frozenset({"MergeCase", "SplitCase", "ListSimilarCases", "RunCaseActions"})
_numbers = itertools.count(100_000)


class Desk:
    """The started service with clients by role; `make_*` write and return the answers."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.manager = self.client("oem.manager")
        self.agent = self.client("oem.agent")

    def client(self, role: str = "", **scope: Any) -> Client:
        return self.platform.client("complaint", role, **scope)

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        return await self.platform.sql("complaint", query, *arguments)

    async def call(self, rpc: str, client: Client | None = None, **request: Any) -> Any:
        """Calls an RPC of the service by its short name with a request as JSON in the contract's names."""
        service = THREADS if "Message" in rpc or "Note" in rpc else CASES
        service = "complaint.v1.CasePolicyService" if "Policy" in rpc else service
        service = "complaint.v1.CaseGoodwillService" if "Goodwill" in rpc else service
        service = "complaint.v1.KnowledgeService" if "Knowledge" in rpc else service
        service = "complaint.v1.CaseRelationService" if rpc in RELATIONS else service
        service = "complaint.v1.CaseTaskService" if "CaseTask" in rpc else service
        service = "complaint.v1.CaseToolService" if "CaseMacro" in rpc or "CaseView" in rpc else service
        service = "complaint.v1.DefectSignalService" if "Defect" in rpc else service
        method = contract.methods(f"marque.{service}")[rpc]
        return await (client or self.manager).call(f"{service}/{rpc}", json_format.ParseDict(request, method.input()))

    async def make(
        self, client: Client | None = None, *, description: str = "It squeals.", **case: Any
    ) -> case_pb2.Case:
        """A case; `case` are fields of the resource."""
        given = {"kind": "CASE_KIND_COMPLAINT", **case}
        found: case_pb2.Case = await self.call("CreateCase", client, case=given, description=description)
        return found

    async def do(self, rpc: str, case: case_pb2.Case, client: Client | None = None, **request: Any) -> case_pb2.Case:
        """A verb on a case, by its id alone."""
        found: case_pb2.Case = await self.call(f"{rpc}Case", client, case_id=case.case_id, **request)
        return found

    async def make_dealer(self, *, region: str = "", group: str = "", zone: str = "Asia/Shanghai") -> str:
        """A dealer as the service would have heard of it, whose hours are known: none were stated."""
        dealer = str(uuid.uuid4())
        await self.sql(
            "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
            "VALUES ($1, $2, $3, $4, $5, 1, 1)",
            dealer, f"D{next(_numbers)}", region, group, zone,
        )  # fmt: skip
        await self.sql("INSERT INTO known_calendars (dealer_id, fetch_time) VALUES ($1, now())", dealer)
        return dealer

    async def make_staff(self, dealer: str | None = None) -> str:
        """A member of staff as the service would have heard of them."""
        staff = str(uuid.uuid4())
        await self.sql(
            "INSERT INTO known_staff (subject_key, staff_id, status, roles, dealer_id, region_code, group_code, version, change_time) "
            "VALUES ($1, $2, 1, $3, $4, '', '', 1, now())",
            f"key-{staff}", staff, ["dealer.care" if dealer else "oem.agent"], dealer,
        )  # fmt: skip
        return staff

    async def handled(self, **case: Any) -> case_pb2.Case:
        """A case that is acknowledged, assessed and that somebody works on."""
        made = await self.make(**case)
        await self.do("Acknowledge", made)
        await self.do("Assess", made, severity="CASE_SEVERITY_MEDIUM")
        return await self.do("Assign", made, staff_id=await self.make_staff())

    async def events(self, case_id: str) -> list[str]:
        """The short names of the events of a case, in order."""
        rows = await self.sql(
            "SELECT event_type FROM outbox_messages WHERE aggregate_id = $1 ORDER BY position", case_id
        )
        return [row["event_type"].rpartition(".")[2] for row in rows]

    async def entries(self, case_id: str) -> list[str]:
        """What was done with a case, in order."""
        rows = await self.sql("SELECT action FROM case_entries WHERE case_id = $1 ORDER BY sequence", case_id)
        return [row["action"] for row in rows]

    async def make_due(self, case_id: str, moment: datetime | None = None) -> None:
        """Makes everything that is promised for a case due now, as time would: the history is moved back, and so the clocks."""
        await self.sql("UPDATE case_clocks SET due_time = $2 WHERE case_id = $1", case_id, moment or datetime.now(UTC))
        await self.sql("UPDATE due_work SET due_time = now() WHERE key = $1", case_id)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform: Platform) -> AsyncIterator[Desk]:
    """A complaint service, once for each module of tests."""
    await platform.start("complaint")
    yield Desk(platform)
