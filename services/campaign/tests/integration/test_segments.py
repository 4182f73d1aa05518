"""Segments through their verbs, on a real database."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from google.protobuf import json_format
from marque.campaign.v1 import segment_pb2
from marque.campaign.v1 import segment_service_pb2 as messages
from marque_campaign.repository import segments as repository
from servicekit.testing.client import RpcFailure


async def ask(office: Any, rpc: str, client: Any = None, **request: Any) -> Any:
    kind = getattr(messages, f"{rpc}Request")
    message = json_format.ParseDict(request, kind())
    return await (client or office.marketing).call(f"campaign.v1.SegmentService/{rpc}", message)


async def write(office: Any, rule: str, client: Any = None, **fields: Any) -> Any:
    return await ask(office, "CreateSegment", client, segment={"name": "S", "rule": rule, **fields})


async def refused(call: Any, reason: str) -> RpcFailure:
    with pytest.raises(RpcFailure) as failure:
        await call
    assert reason in {failure.value.reason, *failure.value.fields.values()}, failure.value
    return failure.value


class TestWriting:
    async def test_a_wrong_rule_is_refused_with_its_place(self, office: Any) -> None:
        wrong = 'true &&\nperson.tierr == "GOLD"'
        await refused(write(office, wrong), "CEL_NAME")
        (fault,) = (await ask(office, "CheckSegmentRule", rule=wrong)).faults
        assert (fault.reason, fault.line, fault.column) == ("CEL_NAME", 2, 1)
        assert "did you mean tier?" in fault.message

        answer = await ask(office, "CheckSegmentRule", rule="person.tierr == ")
        assert answer.faults[0].reason == "CEL_SYNTAX"
        labels = {(one.entity, one.name): (one.english_label, one.chinese_label) for one in answer.attributes}
        assert labels["person", "tier"] == ("Value tier", "价值等级")

    async def test_segments_that_would_name_each_other_in_a_circle_are_refused(self, office: Any) -> None:
        one = await write(office, "true")
        two = await write(office, f'"{one.segment_id}" in segments')
        back = {"segment_id": one.segment_id, "rule": f'"{two.segment_id}" in segments'}
        await refused(ask(office, "UpdateSegment", segment=back), "SEGMENT_CYCLE")
        await refused(write(office, f'"{uuid.uuid4()}" in segments'), "SEGMENT_UNKNOWN")
        await refused(write(office, f'"{uuid.uuid4()}" in lists'), "LIST_UNKNOWN")

    async def test_an_archived_segment_breaks_those_that_name_it_and_says_so(self, office: Any) -> None:
        one = await write(office, "true")
        two = await write(office, f'"{one.segment_id}" in segments')
        await ask(office, "UpdateSegment", segment={"segment_id": one.segment_id, "archived": True})
        failure = await refused(ask(office, "PreviewSegment", segment_id=two.segment_id), "SEGMENT_BROKEN")
        assert one.segment_id in str(failure)

    async def test_a_dealers_rule_does_not_reach_the_makers_lists(self, office: Any) -> None:
        dealer = await office.make_dealer()
        manager = office.client("dealer.manager", dealers=[dealer])
        mine = await office.make_list(str(uuid.uuid4()))
        await refused(write(office, f'"{mine.audience_list_id}" in lists', manager), "LIST_UNKNOWN")


class TestAsking:
    async def test_people_are_counted_shown_and_explained(self, office: Any) -> None:
        tier = uuid.uuid4().hex
        one = await office.make_person(tier=tier, stage="LOST", language="zh-CN")
        two = await office.make_person(tier=tier, stage="ACTIVE")
        await office.make_person(tier=tier)
        listed = await office.make_list(two)
        segment = await write(
            office, f'person.tier == "{tier}" && (person.stage == "LOST" || "{listed.audience_list_id}" in lists)'
        )
        found = await ask(office, "PreviewSegment", segment_id=segment.segment_id, sample_size=10)
        assert (found.count, found.method) == (2, 1)
        assert {one.customer_id for one in found.people} == {one, two}

        inside = await ask(office, "ExplainSegment", segment_id=segment.segment_id, customer_id=two)
        assert inside.included
        assert [clause.verdict for clause in inside.clauses] == [1, 1]
        nobody = await ask(office, "ExplainSegment", segment_id=segment.segment_id, customer_id=str(uuid.uuid4()))
        assert not nobody.included
        assert not nobody.known

    async def test_who_is_out_is_told_the_clause_that_kept_them_out(self, office: Any) -> None:
        who = await office.make_person(visit_count=1)
        segment = await write(office, 'person.visit_count > 0 && person.language == "en" && person.visit_count > 1')
        found = await ask(office, "ExplainSegment", segment_id=segment.segment_id, customer_id=who)
        assert [(one.clause, one.verdict) for one in found.clauses] == [
            ("(person.visit_count > 0)", 1),
            ('(person.language == "en")', 3),
            ("(person.visit_count > 1)", 2),
        ]

    async def test_a_dealers_segment_holds_only_who_has_to_do_with_the_dealer(self, office: Any) -> None:
        dealer = await office.make_dealer()
        manager = office.client("dealer.manager", dealers=[dealer])
        tier = uuid.uuid4().hex
        await office.make_person(tier=tier)
        mine = await office.make_person(tier=tier, dealer_ids=[dealer])
        segment = await write(office, f'person.tier == "{tier}"', manager)
        found = await ask(office, "PreviewSegment", manager, segment_id=segment.segment_id, sample_size=5)
        assert [one.customer_id for one in found.people] == [mine]
        assert found.count == 1


class TestHowItWasCounted:
    """What is too much to count is an estimate, and the answer says which."""

    async def test_a_count_that_takes_too_long_is_told_as_sampled_and_then_as_planned(
        self, office: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tier = uuid.uuid4().hex
        for _ in range(3):
            await office.make_person(tier=tier)
        segment = await write(office, f'person.tier == "{tier}"')
        methods, counts = [], []
        for slow in ((), ("count",), ("count", "sampled")):
            with monkeypatch.context() as patch:
                for name in slow:
                    _let_it_last(patch, name)
                found = await ask(office, "PreviewSegment", segment_id=segment.segment_id)
            methods.append(segment_pb2.SegmentCountMethod.Name(found.method).removeprefix("SEGMENT_COUNT_METHOD_"))
            counts.append(found.count)

        assert methods == ["EXACT", "SAMPLED", "PLANNED"]
        assert counts[:2] == [3, 3]  # so few are all in the sample
        assert counts[2] >= 0


def _let_it_last(patch: pytest.MonkeyPatch, name: str) -> None:
    """Lets the database really take too long over a count: it sleeps beside it, until its own limit cancels the statement."""
    statement = getattr(repository, name)

    async def slow(session: Any, condition: Any, asked: Any, dealer: Any, timeout_ms: int) -> int | None:
        counted = repository._counted

        async def sleeping(session: Any, query: Any, timeout_ms: int) -> int | None:
            return await counted(session, query.where(sa.func.pg_sleep(5).is_not(None)), timeout_ms)

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(repository, "_counted", sleeping)
            found: int | None = await statement(session, condition, asked, dealer, 20)
            return found

    patch.setattr(repository, name, slow)
