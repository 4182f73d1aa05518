"""Reports: by cause and hour, against cars sold and visits, complaints against who leaves; what followers of signals are told."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

from google.protobuf import json_format
from servicekit import contract
from servicekit.staff import subject_key
from servicekit.testing.platform import until

NOW = datetime.now(UTC)
MONTH = {
    "month_from": {"year": NOW.year, "month": NOW.month, "day": 1},
    "month_to": {"year": NOW.year, "month": NOW.month, "day": 1},
}
_SIGNAL = (
    "INSERT INTO defect_signals (signal_id, version, create_time, update_time, make, model, model_year, system, basis, change_month, "
    "before_count, after_count, predicted_count, before_level, after_level, log_evidence, false_alarm_rate) "
    "VALUES ($1, 1, now(), now(), $2, 'One', 2020, $3, 2, '2024-01-01', 1, 2, 0, 0.1, 0.5, 9, 0.001)"
)


async def count(desk: Any, rpc: str = "CountCases", client: Any = None, **request: Any) -> Any:
    name = "complaint.v1.CaseCountService"
    message = json_format.ParseDict({**MONTH, **request}, contract.methods(f"marque.{name}")[rpc].input())
    return await (client or desk.manager).call(f"{name}/{rpc}", message)


async def counted(desk: Any) -> None:
    async def nothing_waits() -> bool:
        return not await desk.sql("SELECT 1 FROM case_marks LIMIT 1")

    await until(nothing_waits, 60, "the cases are not counted")


async def deed(desk: Any, kind: int, dealer: str, vin: str, *, voided: bool = False) -> None:
    await desk.sql(
        "INSERT INTO known_deeds (deed_id, kind, vin, dealer_id, month, voided) VALUES (gen_random_uuid(), $1, $2, $3, $4, $5)",
        kind, vin, dealer, date(NOW.year, NOW.month, 1), voided,
    )  # fmt: skip


class TestCountCases:
    async def test_cases_are_set_against_sales_and_visits_by_dealer_and_model(self, desk: Any) -> None:
        make, dealer = f"M{uuid.uuid4().hex[:8]}", await desk.make_dealer()
        vin = uuid.uuid4().hex[:17].upper()
        await desk.sql("INSERT INTO known_cars VALUES ($1, $2, 'One', 2024)", vin, make.upper())
        for _ in range(4):
            await deed(desk, 1, dealer, vin)
        await deed(desk, 1, dealer, vin, voided=True)
        await deed(desk, 2, dealer, vin)
        case = await desk.handled(dealer_id=dealer, make=make, model="One", model_year=2024, kind=2)
        await desk.do("Resolve", case, resolution="Told.", cause="USE")
        await counted(desk)

        groups = ["CASE_COUNT_GROUP_DEALER", "CASE_COUNT_GROUP_MAKE", "CASE_COUNT_GROUP_CAUSE"]
        (line,) = (await count(desk, group_by=groups, make=make, with_exposure=True)).counts
        assert (line.dealer_id, line.make, line.cause, line.case_count) == (dealer, make, "USE", 1)
        assert (line.sale_count, line.visit_count, line.per_100_sales, line.per_1000_visits) == (4, 1, 25.0, 1000.0)
        (alone,) = (await count(desk, make=make)).counts
        assert not alone.HasField("per_100_sales")
        stranger = desk.client("dealer.manager", dealers=[str(uuid.uuid4())])
        assert not [one for one in (await count(desk, client=stranger, with_exposure=True)).counts if one.sale_count]

    async def test_the_heat_over_the_week_goes_by_the_clock_of_the_dealer(self, desk: Any) -> None:
        make, dealer = f"M{uuid.uuid4().hex[:8]}", await desk.make_dealer(zone="Asia/Kathmandu")
        case = await desk.make(dealer_id=dealer, make=make)
        await desk.sql(
            "UPDATE cases SET receive_time = date_trunc('month', now()) + interval '7 days 20 hours' WHERE case_id = $1", case.case_id
        )  # fmt: skip
        await desk.do("Acknowledge", case)
        await counted(desk)
        moment = (await desk.sql("SELECT receive_time FROM cases WHERE case_id = $1", case.case_id))[0]["receive_time"]
        groups = ["CASE_COUNT_GROUP_WEEKDAY", "CASE_COUNT_GROUP_HOUR"]
        (line,) = (await count(desk, group_by=groups, make=make)).counts

        # 20:00 UTC is 01:45 of the next day in Kathmandu.
        assert (line.weekday, line.hour) == (moment.isoweekday() % 7 + 1, 1)


class TestCompareChurn:
    async def test_who_left_is_told_by_what_became_of_their_complaints(self, desk: Any) -> None:
        await desk.sql("TRUNCATE known_stages")
        quiet, late, gone = [str(uuid.uuid4()) for _ in range(3)]
        for person, stage in ((quiet, 3), (late, 5), (gone, 5)):
            await desk.sql("INSERT INTO known_stages VALUES ($1, $2, 1)", person, stage)
        case = await desk.make(desk.client("owner", customer=late), description="Too late")
        await desk.sql("UPDATE case_clocks SET breach_time = now() WHERE case_id = $1 AND kind = 3", case.case_id)
        await desk.do("Acknowledge", case)
        await counted(desk)
        lines = (await count(desk, "CompareChurn")).lines

        assert [(one.group, one.customer_count, one.lost_count, one.lost_share) for one in lines] == [
            (1, 2, 1, 0.5),
            (4, 1, 1, 1.0),
        ]


class TestNotices:
    async def test_followers_are_told_of_growth_and_of_new_signals_of_the_model_until_they_have_read(
        self, desk: Any
    ) -> None:
        make, followed = f"M{uuid.uuid4().hex[:8]}", str(uuid.uuid4())
        await desk.sql(_SIGNAL, followed, make, "SERVICE BRAKES")
        subject, staff = f"quality-{uuid.uuid4().hex}", str(uuid.uuid4())
        await desk.sql(
            "INSERT INTO known_staff (subject_key, staff_id, status, roles, region_code, group_code, version, change_time) "
            "VALUES ($1, $2, 1, $3, '', '', 1, now())",
            subject_key(subject), staff, ["oem.quality"],
        )  # fmt: skip
        reader = desk.client("oem.quality", subject=subject)
        await desk.call("FollowDefectSignal", reader, signal_id=followed)
        rows = []
        for at in range(24):
            month = date(NOW.year - 2 + at // 12, at % 12 + 1, 5)
            for system in ("SERVICE BRAKES:ABS", "STEERING"):
                rows += [(month, system)] * (1 if at < 16 else 12) + [(month, "ENGINE")] * 3
        await desk.sql(
            "INSERT INTO cases (case_id, version, create_time, update_time, tracking_code, kind, state, make, model, model_year, "
            "components, receive_time, close_time) "
            "SELECT gen_random_uuid(), 1, now(), now(), gen_random_uuid()::text, 1, 9, $1, 'One', 2020, "
            "ARRAY[s], d, now() FROM unnest($2::date[], $3::text[]) AS t(d, s)",
            make, [one[0] for one in rows], [one[1] for one in rows],
        )  # fmt: skip
        await desk.sql("INSERT INTO case_marks SELECT case_id FROM cases WHERE make = $1 ON CONFLICT DO NOTHING", make)
        await counted(desk)
        await desk.call("ScanDefects")

        async def told() -> Any:
            return (await desk.call("ListDefectNotices", reader, unread=True)).notices

        notices = await until(told, 60, "nobody was told")
        assert {one.reason for one in notices} == {1, 2}
        grew = next(one for one in notices if one.reason == 2)
        assert (grew.signal_id, grew.after_count > 2) == (followed, True)
        assert not (await desk.call("ListDefectNotices")).notices
        newest = max(one.notice_number for one in notices)
        assert (await desk.call("ReadDefectNotices", reader, notice_number=newest)).read_count == len(notices)
        assert not await told()
        assert len((await desk.call("ListDefectNotices", reader)).notices) == len(notices)
