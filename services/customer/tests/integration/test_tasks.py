"""Tasks, and what a leaver leaves."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from marque.campaign.v1 import campaign_events_pb2 as campaigns
from marque.campaign.v1 import campaign_types_pb2
from marque.customer.v1 import consent_pb2, consent_service_pb2, lead_pb2, lead_service_pb2, task_pb2
from marque.customer.v1 import task_service_pb2 as rpc
from marque.type.v1 import channel_pb2, hand_over_pb2
from servicekit.testing.platform import until

PAUSED, RESUMED, HALTED = campaigns.CampaignPaused, campaigns.CampaignResumed, campaigns.CampaignHalted
TASKS = "customer.v1.TaskService"


def task(hours: float = 1, **fields: Any) -> task_pb2.Task:
    made = task_pb2.Task(**{"kind": task_pb2.TASK_KIND_CALL, "title": "回电", **fields})
    made.due_time.FromDatetime(datetime.now(UTC) + timedelta(hours=hours))
    return made


async def create(client: Any, hours: float = 1, **fields: Any) -> Any:
    return await client.call(f"{TASKS}/CreateTask", rpc.CreateTaskRequest(task=task(hours, **fields)))


async def listed(client: Any, **wanted: Any) -> list[str]:
    found, token = [], ""
    while True:
        page = await client.call(f"{TASKS}/ListTasks", rpc.ListTasksRequest(page_size=2, page_token=token, **wanted))
        found += [one.task_id for one in page.tasks]
        token = page.next_page_token
        if not token:
            return found


async def colleague(desk: Any, dealer: str) -> str:
    """Somebody who works for a dealer."""
    staff = str(uuid.uuid4())
    await desk.platform.sql(
        "customer",
        "INSERT INTO known_staff (subject_key, staff_id, dealer_id, status, roles, region_code, group_code, version, change_time)"
        " VALUES ($1, $2, $3, 1, '{dealer.sales}', '', '', 1, now())",
        staff,
        uuid.UUID(staff),
        uuid.UUID(dealer),
    )
    return staff


async def call_of(desk: Any, campaign: str, dealer: str) -> Any:
    """The task of a call of a campaign."""
    call = task_pb2.CampaignCall(send_id=str(uuid.uuid4()), campaign_id=campaign)
    return await create(desk.service, kind=task_pb2.TASK_KIND_CAMPAIGN_CALL, campaign_call=call, dealer_id=dealer)


class TestPausedCampaigns:
    async def test_calls_that_nobody_has_taken_rest_and_come_back(self, desk: Any, publisher: Any) -> None:
        dealer, campaign = await desk.known_dealer(), str(uuid.uuid4())
        agent, staff = desk.dealer(dealer, "dealer.manager"), await colleague(desk, dealer)
        other = await call_of(desk, str(uuid.uuid4()), dealer)
        begun, waits = [await call_of(desk, campaign, dealer) for _ in range(2)]

        async def give(one: Any) -> Any:
            request = rpc.ReassignTaskRequest(task_id=one.task_id, staff_id=staff, reason="Begun")
            return await agent.call(f"{TASKS}/ReassignTask", request)

        await give(begun)
        await publisher.heard(PAUSED(campaign_id=campaign), 5)
        late = await call_of(desk, campaign, dealer)  # it was under way when the campaign was paused
        resting = await listed(agent)
        every = await listed(agent, include_held=True)
        shown = [await agent.call(f"{TASKS}/GetTask", rpc.GetTaskRequest(task_id=one)) for one in every]
        with pytest.raises(desk.failure) as refused:
            await give(late)
        told = await agent.call(f"{TASKS}/CompleteTask", rpc.CompleteTaskRequest(task_id=waits.task_id, call_outcome=1))
        await publisher.heard(RESUMED(campaign_id=campaign), 6)
        back = await give(late)

        assert sorted(resting) == sorted([other.task_id, begun.task_id])
        assert {one.task_id for one in shown if one.held} == {waits.task_id, late.task_id}
        assert (begun.held, late.held, refused.value.reason) == (False, True, "CALL_HELD")
        assert (told.state, told.held) == (task_pb2.TASK_STATE_DONE, False)  # who had called already says so
        assert (back.staff_id, back.held) == (staff, False)
        assert len(await listed(agent)) == 4

    @pytest.mark.parametrize(
        ("told", "held"),
        [
            ([(5, HALTED, {})], True),
            ([(5, PAUSED, {}), (5, PAUSED, {}), (6, RESUMED, {}), (6, RESUMED, {})], False),
            ([(6, RESUMED, {}), (5, PAUSED, {})], False),  # between two workers the order is not kept
            ([(5, PAUSED, {}), (7, PAUSED, {}), (6, RESUMED, {})], True),
            ([(4, campaigns.CampaignSnapshot, {"state": campaign_types_pb2.CAMPAIGN_STATE_PAUSED})], True),
            ([(5, PAUSED, {}), (4, campaigns.CampaignSnapshot, {"state": campaign_types_pb2.CAMPAIGN_STATE_RUNNING})], True),
            ([(5, PAUSED, {}), (8, campaigns.CampaignSnapshot, {"state": campaign_types_pb2.CAMPAIGN_STATE_RUNNING})], False),
            ([(5, PAUSED, {}), (9, campaigns.CampaignFinished, {"state": campaign_types_pb2.CAMPAIGN_STATE_FINISHED})], False),
        ],
        ids=["by itself", "twice", "overtaken", "again", "snapshot", "old snapshot", "new snapshot", "finished"],
    )  # fmt: skip
    async def test_the_newest_word_counts(
        self, desk: Any, publisher: Any, told: list[tuple[int, Any, dict[str, Any]]], held: bool
    ) -> None:
        campaign = str(uuid.uuid4())
        for version, kind, fields in told:
            await publisher.heard(kind(campaign_id=campaign, **fields), version)

        assert (await call_of(desk, campaign, "")).held is held

    async def test_one_that_is_called_off_while_it_is_paused_cancels_them_all(self, desk: Any, publisher: Any) -> None:
        campaign = str(uuid.uuid4())
        await publisher.heard(PAUSED(campaign_id=campaign), 5)
        made = [await call_of(desk, campaign, "") for _ in range(2)]
        off = {"state": campaign_types_pb2.CAMPAIGN_STATE_CANCELLED}
        await publisher.heard(campaigns.CampaignFinished(campaign_id=campaign, **off), 6)

        async def ended() -> Any:
            found = [
                await desk.service.call(f"{TASKS}/GetTask", rpc.GetTaskRequest(task_id=one.task_id)) for one in made
            ]
            return all(one.state == task_pb2.TASK_STATE_CANCELLED and not one.held for one in found)

        await until(ended, 20, "calls of a campaign that was called off are open")


class TestTasks:
    async def test_lists_show_mine_and_what_is_overdue_in_the_order_of_time(self, desk: Any) -> None:
        dealer = await desk.known_dealer()
        me, colleague = desk.dealer(dealer), desk.dealer(dealer)
        mine = [await create(me, hours) for hours in (3, -2, 1)]
        theirs = await create(colleague, -1)

        assert await listed(me, mine_only=True) == [mine[1].task_id, mine[2].task_id, mine[0].task_id]
        assert await listed(me, overdue_only=True) == [mine[1].task_id, theirs.task_id]
        assert len(await listed(me)) == 4
        assert await listed(desk.dealer(await desk.known_dealer())) == []

    async def test_a_task_ends_once_and_a_stale_word_is_refused(self, desk: Any) -> None:
        me = desk.dealer(await desk.known_dealer())
        made = await create(me)
        with pytest.raises(desk.failure) as stale:
            await me.call(f"{TASKS}/CompleteTask", rpc.CompleteTaskRequest(task_id=made.task_id, etag="v9"))
        done = await me.call(f"{TASKS}/CompleteTask", rpc.CompleteTaskRequest(task_id=made.task_id, outcome="好"))
        with pytest.raises(desk.failure) as again:
            await me.call(f"{TASKS}/CancelTask", rpc.CancelTaskRequest(task_id=made.task_id, reason="No"))

        assert stale.value.reason == "ETAG_MISMATCH"
        assert (done.state, done.outcome) == (task_pb2.TASK_STATE_DONE, "好")
        assert again.value.reason == "TASK_ENDED"

    async def test_an_outcome_of_a_call_is_for_the_call_of_a_campaign_which_needs_one(self, desk: Any) -> None:
        call = task_pb2.CampaignCall(send_id=str(uuid.uuid4()), campaign_id=str(uuid.uuid4()))
        plain = await create(desk.agent)
        made = await create(desk.service, kind=task_pb2.TASK_KIND_CAMPAIGN_CALL, campaign_call=call)
        again = await create(desk.service, kind=task_pb2.TASK_KIND_CAMPAIGN_CALL, campaign_call=call)
        told = [
            rpc.CompleteTaskRequest(task_id=plain.task_id, call_outcome=1),
            rpc.CompleteTaskRequest(task_id=made.task_id),
        ]
        found = []
        for request in told:
            with pytest.raises(desk.failure) as refused:
                await desk.agent.call(f"{TASKS}/CompleteTask", request)
            found.append(refused.value.fields)

        assert found == [{"call_outcome": "CALL_OUTCOME_NOT_USED"}, {"call_outcome": "CALL_OUTCOME_MISSING"}]
        assert again.task_id == made.task_id

    async def test_who_withdraws_is_not_called_for_that_by_that_controller_and_is_for_the_rest(self, desk: Any) -> None:
        person, dealer = (await desk.create()).customer_id, await desk.known_dealer()
        service, marketing, maker = 1, 2, ""
        tasks = {}
        for purpose, controller in ((marketing, maker), (service, maker), (marketing, dealer), (0, maker)):
            call = task_pb2.CampaignCall(send_id=str(uuid.uuid4()), campaign_id=str(uuid.uuid4()), purpose=purpose)  # type: ignore[arg-type]
            fields = {"customer_id": person, "dealer_id": controller, "campaign_call": call}
            made = await create(desk.service, kind=task_pb2.TASK_KIND_CAMPAIGN_CALL, **fields)
            tasks[purpose, controller] = made.task_id
        own = consent_pb2.ConsentController(kind=consent_pb2.CONSENT_CONTROLLER_KIND_OEM)
        phone, post = channel_pb2.CHANNEL_PHONE, channel_pb2.CHANNEL_POST
        states = []
        for channel in (post, phone):
            entry = consent_pb2.ConsentEntry(purpose=marketing, channel=channel, controller=own, source="test")  # type: ignore[arg-type]
            request = consent_service_pb2.WithdrawConsentRequest(customer_id=person, entry=entry)
            await desk.agent.call("customer.v1.ConsentService/WithdrawConsent", request)
            found = [
                await desk.service.call(f"{TASKS}/GetTask", rpc.GetTaskRequest(task_id=one)) for one in tasks.values()
            ]
            states.append([(one.state, one.campaign_call.outcome) for one in found])

        call = task_pb2.CampaignCall(send_id=str(uuid.uuid4()), campaign_id=str(uuid.uuid4()), purpose=marketing)  # type: ignore[arg-type]
        late = {"kind": task_pb2.TASK_KIND_CAMPAIGN_CALL, "customer_id": person, "campaign_call": call}
        with pytest.raises(desk.failure) as refused:  # its permit was spent before
            await create(desk.service, **late)
        other = await create(desk.service, **late, dealer_id=dealer)

        assert states == [[(1, 0)] * 4, [(3, 6), *[(1, 0)] * 3]]
        assert (refused.value.reason, other.state) == ("CONSENT_WITHDRAWN", 1)

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"kind": task_pb2.TASK_KIND_RECALL}, {"task.kind": "TASK_KIND_RESERVED"}),
            ({"title": "  "}, {"task.title": "FIELD_REQUIRED"}),
            ({"staff_id": str(uuid.uuid4())}, {"task.staff_id": "STAFF_UNKNOWN"}),
            ({"dealer_id": str(uuid.uuid4())}, {"task.dealer_id": "DEALER_NOT_YOURS"}),
        ],
    )
    async def test_bad_input_names_its_field(self, desk: Any, fields: dict[str, Any], wrong: dict[str, str]) -> None:
        with pytest.raises(desk.failure) as refused:
            await create(desk.dealer(await desk.known_dealer()), **fields)
        assert refused.value.fields == wrong

    async def test_a_task_about_a_hidden_lead_is_refused_as_if_there_were_none(self, desk: Any) -> None:
        person = await desk.create()
        wish = lead_pb2.Lead(customer_id=person.customer_id, source=lead_pb2.LEAD_SOURCE_CALL)
        request = lead_service_pb2.CreateLeadRequest(lead=wish, dealer_id=await desk.known_dealer())
        lead = await desk.agent.call("customer.v1.LeadService/CreateLead", request)
        with pytest.raises(desk.failure) as refused:
            await create(desk.dealer(await desk.known_dealer()), lead_id=lead.lead_id)
        assert refused.value.reason == "LEAD_NOT_FOUND"


class TestHandOver:
    async def test_open_leads_and_tasks_go_to_successors_in_turn_and_the_past_stays(self, desk: Any) -> None:
        dealer, leaver = await desk.known_dealer(), str(uuid.uuid4())
        client = desk.platform.client("customer", "dealer.sales", subject=leaver, dealers=[dealer])
        leads = []
        for _ in range(3):
            wish = lead_pb2.Lead(customer_id=(await desk.create(client)).customer_id, source=lead_pb2.LEAD_SOURCE_CALL)
            request = lead_service_pb2.CreateLeadRequest(lead=wish)
            leads.append(uuid.UUID((await client.call("customer.v1.LeadService/CreateLead", request)).lead_id))
        await desk.platform.sql(
            "customer", "UPDATE leads SET adviser_staff_id = $1 WHERE lead_id = ANY($2)", uuid.UUID(leaver), leads
        )
        won = lead_service_pb2.WinLeadRequest(lead_id=str(leads[2]))
        await client.call("customer.v1.LeadService/WinLead", won)
        tasks = [await create(client), await create(client)]
        await client.call(f"{TASKS}/CompleteTask", rpc.CompleteTaskRequest(task_id=tasks[1].task_id))
        successors = [str(uuid.uuid4()), str(uuid.uuid4())]
        moved, position = [], 0
        while True:
            request = hand_over_pb2.HandOverRequest(
                hand_over_id="0192f7a0-0000-7000-8000-0000000000aa",
                from_staff_id=leaver,
                successor_staff_ids=successors,
                after_position=position,
                limit=2,
            )
            answer = await desk.service.call("customer.v1.CustomerHandOverService/HandOver", request)
            moved += answer.rows
            if not answer.rows:
                break
            position = answer.rows[-1].position

        assert sorted((row.kind, row.to_staff_id) for row in moved) == sorted(
            [("customer.lead", successors[0]), ("customer.lead", successors[1]), ("customer.task", successors[0])]
        )
        (kept,) = await desk.platform.sql("customer", "SELECT adviser_staff_id FROM leads WHERE lead_id = $1", leads[2])
        assert str(kept["adviser_staff_id"]) == leaver
        assert len(await desk.events("LeadAssigned", str(leads[0]))) == 2
