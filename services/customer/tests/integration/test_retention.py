"""Rules of retention are data: what is older goes, what a hold or an open case keeps stays, and silent people are erased like on demand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from marque.customer.v1 import contact_permit_service_pb2, retention_pb2, retention_service_pb2
from marque.type.v1 import personal_data_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "customer.v1.RetentionService"
INTERACTION, LEAD, TASK, SILENT = 1, 2, 3, 4
OLD = datetime.now(UTC) - timedelta(days=100)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform, make_desk):
    """The service, whose erasures settle at once."""
    await platform.start("customer", erasure_settle_seconds=0.1)
    yield make_desk(platform)


async def put(desk, kind, days, client=None, **more):
    rule = retention_pb2.RetentionRule(kind=kind, basis="Test", days=days, **more)
    request = retention_service_pb2.PutRetentionRuleRequest(retention_rule=rule)
    return await (client or desk.platform.client("customer", "oem.manager")).call(
        f"{SERVICE}/PutRetentionRule", request
    )


async def ran(desk):
    """Makes the due work come, and waits until it was done."""
    await desk.platform.sql("customer", "UPDATE due_work SET due_time = now() WHERE kind = 'retention'")

    async def done():
        query = "SELECT due_time > now() + interval '30 minutes' AS later FROM due_work WHERE kind = 'retention'"
        return (await desk.platform.sql("customer", query))[0]["later"]

    await until(done, 20, "the rules were not run")


async def touched(desk, customer_id, moment):
    touch = uuid.uuid4()
    await desk.platform.sql(
        "customer",
        "INSERT INTO interactions (interaction_id, customer_id, kind, direction, occur_time, note, create_time)"
        " VALUES ($1, $2, 1, 1, $3, 'x', $3)",
        touch,
        uuid.UUID(customer_id),
        moment,
    )
    return touch


async def left(desk, *touches):
    query = "SELECT interaction_id FROM interactions WHERE interaction_id = ANY($1)"
    return {row["interaction_id"] for row in await desk.platform.sql("customer", query, list(touches))}


class TestRules:
    async def test_what_is_older_goes_and_what_is_held_stays(self, desk):
        free, held, cased = [(await desk.create()).customer_id for _ in range(3)]
        hold = personal_data_pb2.SetLegalHoldRequest(customer_id=held, hold_id=str(uuid.uuid4()), reason="CLAIM")
        await desk.service.call("customer.v1.CustomerPersonalDataService/SetLegalHold", hold)
        case = contact_permit_service_pb2.SetContactHoldRequest(
            customer_id=cased, reference_type="complaint.case", reference_id=str(uuid.uuid4()), open=True, version=1
        )
        await desk.service.call("customer.v1.ContactPermitService/SetContactHold", case)
        gone, young = await touched(desk, free, OLD), await touched(desk, free, datetime.now(UTC))
        kept = [await touched(desk, customer_id, OLD) for customer_id in (held, cased)]
        await put(desk, INTERACTION, 99)
        await ran(desk)
        assert await left(desk, gone, young, *kept) == {young, *kept}
        listed = await desk.platform.client("customer", "oem.admin").call(
            f"{SERVICE}/ListRetentionRules", retention_service_pb2.ListRetentionRulesRequest()
        )
        assert [rule.kind for rule in listed.retention_rules] == [INTERACTION, LEAD, TASK, SILENT]
        assert listed.retention_rules[0].removed_count == 1

    async def test_a_rule_without_days_keeps_for_ever(self, desk):
        touch = await touched(desk, (await desk.create()).customer_id, datetime(1990, 1, 1, tzinfo=UTC))
        await put(desk, INTERACTION, None)
        await ran(desk)
        assert await left(desk, touch) == {touch}

    async def test_ended_tasks_and_closed_leads_go_with_their_parts(self, desk):
        customer, lead, other = uuid.UUID((await desk.create()).customer_id), uuid.uuid4(), uuid.uuid4()
        for one, stage, closed in ((lead, 8, OLD), (other, 1, None)):
            await desk.platform.sql(
                "customer",
                "INSERT INTO leads (lead_id, version, create_time, update_time, customer_id, group_id, wish_key, stage, source, close_time)"
                " VALUES ($1, 1, $4, $4, $2, $1, $3, $5, 1, $6)",
                one,
                customer,
                str(one),
                OLD,
                stage,
                closed,
            )
            await desk.platform.sql(
                "customer",
                "INSERT INTO tasks (task_id, version, create_time, update_time, kind, title, customer_id, lead_id, due_time)"
                " VALUES ($1, 1, $3, $3, 1, 'x', $2, $1, $3)",
                one,
                customer,
                OLD,
            )
        car, drives = uuid.uuid4(), [uuid.uuid4() for _ in range(3)]
        await desk.platform.sql(
            "customer",
            "INSERT INTO demo_cars (demo_car_id, version, create_time, update_time, dealer_id, vin)"
            " VALUES ($1, 1, $2, $2, gen_random_uuid(), 'V')",
            car,
            OLD,
        )
        # One of the lead, one at an event as old, one at an event of today: it stays.
        for drive, of, moment in zip(drives, (lead, None, None), (OLD, OLD, datetime.now(UTC)), strict=True):
            await desk.platform.sql(
                "customer",
                "INSERT INTO test_drives (test_drive_id, version, create_time, update_time, lead_id, customer_id, dealer_id,"
                " demo_car_id, vin, state, start_time, end_time, calendar_version, event_registration_id)"
                " VALUES ($1, 1, $5, $5, $3, $2, gen_random_uuid(), $4, 'V', 3, $5, $6, 0, $7)",
                drive,
                customer,
                of,
                car if of else None,
                moment,
                moment + timedelta(hours=1),
                None if of else drive,
            )
        await put(desk, LEAD, 90)
        await ran(desk)
        rows = await desk.platform.sql(
            "customer", "SELECT test_drive_id FROM test_drives WHERE customer_id = $1", customer
        )
        assert [row["test_drive_id"] for row in rows] == drives[2:]
        for table in ("leads", "tasks"):
            rows = await desk.platform.sql("customer", f"SELECT lead_id FROM {table} WHERE customer_id = $1", customer)
            assert [row["lead_id"] for row in rows] == [other]
        query = "SELECT lead_id, source FROM gone_leads WHERE lead_id = ANY($1)"
        assert [tuple(row) for row in await desk.platform.sql("customer", query, [lead, other])] == [(lead, 1)]

    async def test_silent_people_are_erased_and_those_who_were_heard_of_stay(self, desk):
        silent, heard, owner = [(await desk.create(phones=[desk.phone()])).customer_id for _ in range(3)]
        ids = [uuid.UUID(one) for one in (silent, heard, owner)]
        await desk.platform.sql(
            "customer", "UPDATE customers SET update_time = $1 WHERE customer_id = ANY($2)", OLD, ids
        )
        await touched(desk, heard, datetime.now(UTC))
        await desk.platform.sql(
            "customer",
            "INSERT INTO known_cars (ownership_id, customer_id, vin, role, version) VALUES ($1, $2, 'V', 1, 1)",
            uuid.uuid4(),
            ids[2],
        )
        await put(desk, SILENT, 99)
        await ran(desk)

        async def erased():
            return (await desk.get(desk.agent, silent)).status == 3

        await until(erased, 20, "the silent person stays")
        assert [(await desk.get(desk.agent, one)).status for one in (heard, owner)] == [1, 1]
        (row,) = await desk.platform.sql(
            "customer", "SELECT reason FROM customer_erasures WHERE customer_id = $1", ids[0]
        )
        assert row["reason"] == "RETENTION"
        await put(desk, SILENT, None)

    async def test_two_who_set_a_rule_at_once_do_not_overwrite_each_other(self, desk):
        one = await put(desk, TASK, 365)
        await put(desk, TASK, 366, etag=one.etag)
        with pytest.raises(RpcFailure) as refused:
            await put(desk, TASK, 367, etag=one.etag)
        assert refused.value.reason == "ETAG_MISMATCH"

    @pytest.mark.parametrize("days", [29, 0, -1, 36_501])
    async def test_days_out_of_bounds_are_refused(self, desk, days):
        with pytest.raises(RpcFailure) as refused:
            await put(desk, TASK, days)
        assert "retention_rule.days" in refused.value.fields

    async def test_agents_set_no_rules(self, desk):
        with pytest.raises(RpcFailure) as refused:
            await put(desk, TASK, 100, desk.agent)
        assert refused.value.code == "PERMISSION_DENIED"
