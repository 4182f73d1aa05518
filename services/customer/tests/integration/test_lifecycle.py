"""Stages found from what the vehicle service tells, once for each change; merges, reversals, time, rules, lists."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from google.type import date_pb2
from marque.customer.v1 import (
    customer_look_up_pb2,
    customer_service_pb2,
    identity_service_pb2,
    lifecycle_events_pb2,
    lifecycle_pb2,
    lifecycle_service_pb2,
)
from marque.vehicle.v1 import ownership_events_pb2, repair_order_events_pb2, sale_events_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "customer.v1.LifecycleService"
PROSPECT, OWNER, ACTIVE, AT_RISK, LOST, WON_BACK = 1, 2, 3, 4, 5, 6
NOW = datetime.now(UTC)


def ago(days):
    return NOW - timedelta(days=days)


def date_of(moment):
    return date_pb2.Date(year=moment.year, month=moment.month, day=moment.day)


class Life:
    """What the vehicle service says of one customer."""

    def __init__(self, desk, publisher, customer_id):
        self.desk, self.publisher, self.customer_id = desk, publisher, customer_id
        self.vin, self.dealer = f"TEST{uuid.uuid4().hex[:13]}".upper(), str(uuid.uuid4())

    def sale(self, days, cls=sale_events_pb2.SaleRecorded, sale_id=None, **more):
        event = cls(
            sale_id=sale_id or str(uuid.uuid4()),
            vin=self.vin,
            dealer_id=self.dealer,
            customer_id=self.customer_id,
            **more,
        )
        if cls is sale_events_pb2.SaleRecorded:
            event.invoice_date.CopyFrom(date_of(ago(days)))
        return event

    def owned(self, days, ownership_id=None):
        event = ownership_events_pb2.OwnershipStarted(
            ownership_id=ownership_id or str(uuid.uuid4()), vin=self.vin, customer_id=self.customer_id, role=1
        )
        event.valid_start_time.FromDatetime(ago(days))
        return event

    def visit(self, days):
        event = repair_order_events_pb2.RepairOrderClosed(
            repair_order_id=str(uuid.uuid4()), vin=self.vin, dealer_id=self.dealer, customer_id=self.customer_id
        )
        event.open_time.FromDatetime(ago(days))
        event.close_time.FromDatetime(ago(days))
        return event

    async def hear(self, *events):
        for event in events:
            await self.publisher.heard(event)

    async def is_in(self, stage):
        await settled(self.desk)
        found = await value(self.desk.agent, self.customer_id)
        assert found.stage == stage, found
        return found

    async def told(self):
        """The stages that events told, in order, each with its number."""
        rows = await self.desk.events("LifecycleStageChanged", self.customer_id)
        events = [stage_changed(row["payload"]) for row in rows]
        assert [one.aggregate_version for one in events] == sorted({one.aggregate_version for one in events})
        return [one.stage for one in events]


def stage_changed(payload):
    return lifecycle_events_pb2.LifecycleStageChanged.FromString(payload)


async def value(client, customer_id):
    request = lifecycle_service_pb2.GetCustomerValueRequest(customer_id=customer_id)
    return await client.call(f"{SERVICE}/GetCustomerValue", request)


async def settled(desk):
    async def judged():
        query = "SELECT count(*) FROM customer_values WHERE next_time <= clock_timestamp()"
        return not (await desk.platform.sql("customer", query))[0][0]

    await until(judged, 20, "customers wait to be judged")


@pytest.fixture
def life_of(desk, publisher):
    async def make(**fields):
        customer = await desk.create(**fields)
        return Life(desk, publisher, customer.customer_id)

    return make


class TestStages:
    async def test_who_was_only_created_is_a_prospect_without_a_history(self, life_of, desk):
        life = await life_of()
        found = await value(desk.agent, life.customer_id)
        assert (found.stage, found.stage_reason.code, found.rules_version) == (PROSPECT, "NO_CAR_YET", 0)
        assert await life.told() == []

    async def test_sale_then_visit_is_told_once_each_however_often_and_in_whatever_order_it_is_heard(
        self, life_of, desk
    ):
        life = await life_of()
        sale, owned = life.sale(20), life.owned(20)
        await life.hear(owned, sale, sale, owned)
        found = await life.is_in(OWNER)
        assert (found.cars, found.visits, found.tier) == (1, 0, "MEMBER")
        visit = life.visit(3)
        await life.hear(visit, visit)
        found = await life.is_in(ACTIVE)
        assert (found.visits, found.last_activity_time.ToDatetime(UTC)) == (
            1,
            ago(3).replace(microsecond=ago(3).microsecond),
        )
        await life.hear(life.sale(20, sale_id=sale.sale_id))
        await life.is_in(ACTIVE)
        assert await life.told() == [OWNER, ACTIVE]

    async def test_old_facts_that_come_late_say_where_the_customer_stands_today(self, life_of):
        life = await life_of()
        await life.hear(life.sale(900), life.owned(900))
        found = await life.is_in(LOST)
        assert (found.stage_reason.code, found.stage_start_time.ToDatetime(UTC).date()) == ("NOT_SEEN", ago(170).date())
        await life.hear(life.visit(2))
        await life.is_in(WON_BACK)
        assert await life.told() == [LOST, WON_BACK]

    async def test_reversal_takes_everything_back(self, life_of, desk):
        life = await life_of()
        sale, owned = life.sale(20), life.owned(20)
        await life.hear(sale, owned)
        await life.is_in(OWNER)
        ended = ownership_events_pb2.OwnershipEnded(
            ownership_id=owned.ownership_id, vin=life.vin, customer_id=life.customer_id, role=1, voided=True
        )
        ended.valid_end_time.FromDatetime(ago(20))
        await life.publisher.heard(life.sale(0, sale_events_pb2.SaleReversed, sale.sale_id, reason="ERROR"), 2)
        await life.publisher.heard(ended, 2)
        found = await life.is_in(PROSPECT)
        assert (found.tier, found.cars) == ("", 0)
        history = await desk.agent.call(
            f"{SERVICE}/ListLifecycleHistory",
            lifecycle_service_pb2.ListLifecycleHistoryRequest(customer_id=life.customer_id, order_by="create_time"),
        )
        assert [(one.sequence, one.from_stage, one.stage) for one in history.changes] == [(1, 1, OWNER), (2, OWNER, 1)]

    async def test_reversal_heard_before_its_sale_leaves_a_prospect(self, life_of):
        life = await life_of()
        sale = life.sale(20)
        await life.publisher.heard(life.sale(0, sale_events_pb2.SaleReversed, sale.sale_id, reason="ERROR"), 2)
        await life.publisher.heard(sale, 1)
        await life.is_in(PROSPECT)

    async def test_time_alone_changes_a_stage_and_only_of_whom_it_concerns(self, life_of, desk):
        life = await life_of()
        await life.hear(life.sale(20), life.owned(20))
        await life.is_in(OWNER)
        first = (
            await desk.platform.sql(
                "customer", "SELECT next_time FROM customer_values WHERE customer_id = $1", uuid.UUID(life.customer_id)
            )
        )[0][0]
        assert first.date() == (ago(20) + timedelta(days=365)).date()
        # As if the year were over: everything known of them lies so much further back.
        for table, column in (("known_sales", "occur_time"), ("known_cars", "valid_start_time")):
            await desk.platform.sql(
                "customer",
                f"UPDATE {table} SET {column} = {column} - interval '400 days' WHERE customer_id = $1",
                uuid.UUID(life.customer_id),
            )
        await desk.platform.sql(
            "customer",
            "UPDATE customer_values SET next_time = next_time - interval '400 days' WHERE customer_id = $1",
            uuid.UUID(life.customer_id),
        )
        found = await life.is_in(AT_RISK)
        assert found.next_actions[0].code == "ASK_WHY_AWAY"
        assert await life.told() == [OWNER, AT_RISK]

    async def test_what_stands_is_what_everything_known_gives_anew(self, life_of, desk):
        lives = [await life_of() for _ in range(4)]
        for number, life in enumerate(lives):
            events = [life.sale(1000 - 300 * number), life.owned(1000 - 300 * number), life.visit(500 - 150 * number)]
            await life.hear(*events[: number + 1])
        await settled(desk)
        ids = [uuid.UUID(life.customer_id) for life in lives]
        query = "SELECT to_jsonb(v) FROM customer_values v WHERE customer_id = ANY($1) ORDER BY customer_id"
        before = [row[0] for row in await desk.platform.sql("customer", query, ids)]
        told = [await life.told() for life in lives]
        await desk.platform.sql("customer", "DELETE FROM customer_values WHERE customer_id = ANY($1)", ids)
        await desk.platform.sql(
            "customer", "INSERT INTO customer_values (customer_id, next_time) SELECT unnest($1::uuid[]), now()", ids
        )
        await settled(desk)
        assert [row[0] for row in await desk.platform.sql("customer", query, ids)] == before
        assert [await life.told() for life in lives] == told


class TestMerged:
    async def test_merge_judges_two_lives_as_one_and_unmerge_gives_both_back(self, life_of, desk):
        buyer, visitor = await life_of(), await life_of()
        await buyer.hear(buyer.sale(20), buyer.owned(20))
        await visitor.hear(visitor.visit(2))
        await buyer.is_in(OWNER)
        await visitor.is_in(PROSPECT)
        merge = await desk.agent.call(
            "customer.v1.IdentityService/MergeCustomers",
            identity_service_pb2.MergeCustomersRequest(
                customer_id=visitor.customer_id, from_customer_id=buyer.customer_id, reasons=["SUITE"]
            ),
        )
        found = await visitor.is_in(ACTIVE)
        assert (await value(desk.agent, buyer.customer_id)).customer_id == found.customer_id == visitor.customer_id
        await buyer.hear(buyer.visit(1))  # said of the merged one, and so of the survivor
        assert (await visitor.is_in(ACTIVE)).visits == 2
        await desk.agent.call(
            "customer.v1.IdentityService/UnmergeCustomers",
            identity_service_pb2.UnmergeCustomersRequest(merge_id=merge.merge_id, reason="TWO"),
        )
        await visitor.is_in(PROSPECT)
        await buyer.is_in(ACTIVE)
        assert await visitor.told() == [ACTIVE, PROSPECT]
        assert await buyer.told() == [OWNER, ACTIVE]


class TestSight:
    async def test_list_by_stage_and_tier_shows_each_caller_its_own(self, life_of, desk):
        dealer, other = await desk.known_dealer(), await desk.known_dealer()
        mine = await life_of(dealer_id=dealer)
        await mine.hear(mine.sale(20), mine.owned(20))
        await mine.is_in(OWNER)
        for filters in ({"stage": OWNER}, {"tier": "MEMBER"}, {"stage": OWNER, "tier": "MEMBER"}):
            assert [one.customer_id for one in await desk.listed(desk.dealer(dealer), **filters)] == [mine.customer_id]
            assert mine.customer_id in {one.customer_id for one in await desk.listed(desk.agent, **filters)}
            assert await desk.listed(desk.dealer(other), **filters) == []
        assert await desk.listed(desk.dealer(dealer), stage=LOST) == []

    async def test_stage_does_not_go_with_another_order(self, desk):
        request = customer_service_pb2.ListCustomersRequest(stage=OWNER, order_by="create_time")
        with pytest.raises(RpcFailure) as failure:
            await desk.agent.call("customer.v1.CustomerService/ListCustomers", request)
        assert failure.value.code == "INVALID_ARGUMENT"

    async def test_dealer_who_comes_to_know_an_owner_lists_them_by_their_stage(self, life_of, desk):
        life = await life_of(phones=[phone := desk.phone()])
        await life.hear(life.sale(20), life.owned(20))
        await life.is_in(OWNER)
        dealer = await desk.known_dealer()
        await desk.dealer(dealer).call(
            "customer.v1.CustomerService/LookUpCustomer",
            customer_look_up_pb2.LookUpCustomerRequest(phone=phone, dealer_id=dealer),
        )
        assert [one.customer_id for one in await desk.listed(desk.dealer(dealer), stage=OWNER)] == [life.customer_id]

    async def test_spend_over_all_dealers_is_withheld_from_dealers(self, life_of, desk):
        dealer = await desk.known_dealer()
        life = await life_of(dealer_id=dealer)
        await life.hear(life.sale(20), life.owned(20))
        await life.is_in(OWNER)
        assert not (await value(desk.dealer(dealer), life.customer_id)).HasField("spend")
        assert (await value(desk.agent, life.customer_id)).HasField("spend")

    async def test_hidden_and_absent_customers_are_answered_alike(self, life_of, desk):
        life, stranger = await life_of(), desk.dealer(await desk.known_dealer())
        for customer_id in (life.customer_id, str(uuid.uuid4())):
            with pytest.raises(RpcFailure) as failure:
                await value(stranger, customer_id)
            assert (failure.value.code, failure.value.reason) == ("NOT_FOUND", "CUSTOMER_NOT_FOUND")


class TestRules:
    async def put(self, desk, rules):
        manager = desk.platform.client("customer", "oem.manager")
        return await manager.call(
            f"{SERVICE}/PutLifecycleRules", lifecycle_service_pb2.PutLifecycleRulesRequest(rules=rules)
        )

    async def latest(self, desk):
        return await desk.agent.call(f"{SERVICE}/GetLifecycleRules", lifecycle_service_pb2.GetLifecycleRulesRequest())

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"lost_after_days": 10, "at_risk_after_days": 10}, "DAYS_DISORDERED"),
            ({"currency_code": "QQQ"}, "CURRENCY_UNKNOWN"),
            ({"tiers": [lifecycle_pb2.TierRule(tier="A"), lifecycle_pb2.TierRule(tier="A")]}, "TIER_REPEATED"),
        ],
    )
    async def test_rules_that_contradict_themselves_are_refused(self, desk, change, reason):
        rules = await self.latest(desk)
        for name, given in change.items():
            if isinstance(given, list):
                del getattr(rules, name)[:]
                getattr(rules, name).extend(given)
            else:
                setattr(rules, name, given)
        rules.ClearField("effective_time")
        with pytest.raises(RpcFailure) as failure:
            await self.put(desk, rules)
        assert reason in failure.value.fields.values()

    async def test_rules_do_not_begin_in_the_past(self, desk):
        rules = await self.latest(desk)
        rules.effective_time.FromDatetime(ago(1))
        with pytest.raises(RpcFailure) as failure:
            await self.put(desk, rules)
        assert failure.value.code == "INVALID_ARGUMENT"

    async def test_new_version_judges_everybody_anew_and_a_stale_writer_is_told(self, life_of, desk):
        life = await life_of()
        await life.hear(life.sale(200), life.owned(200))
        await life.is_in(OWNER)
        rules = await self.latest(desk)
        stale = rules.etag
        rules.at_risk_after_days = 100
        rules.ClearField("effective_time")
        made = await self.put(desk, rules)

        async def spread():
            query = "SELECT count(*) FROM due_work WHERE kind = 'lifecycle-rules'"
            return not (await desk.platform.sql("customer", query))[0][0]

        await until(spread, 20, "the version is not spread")
        found = await life.is_in(AT_RISK)
        assert found.rules_version == made.version
        made.at_risk_after_days, made.etag = 365, stale
        made.ClearField("effective_time")
        with pytest.raises(RpcFailure) as failure:
            await self.put(desk, made)
        assert failure.value.reason == "ETAG_MISMATCH"
        made.etag = ""
        await self.put(desk, made)
        await until(spread, 20, "the version is not spread")
        await life.is_in(OWNER)
