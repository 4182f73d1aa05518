"""Complaints beside what they come from, and what is read of sales and visits."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from marque.vehicle.v1 import repair_order_events_pb2, sale_events_pb2
from marque_complaint.mapping import deeds
from marque_complaint.rules import tasks
from marque_complaint.rules.exposure import beside
from servicekit.messaging.envelope import Event

DEALER = str(uuid.uuid4())


def heard(message: Any, **facts: Any) -> dict[str, Any] | None:
    data = json_format.ParseDict({"vin": "V", "dealer_id": DEALER, **facts}, message)
    return deeds.row_of(Event(uuid.uuid4(), message.DESCRIPTOR.full_name, "deed", 1, datetime.now(UTC), data))


class TestBeside:
    def test_makes_are_matched_whatever_their_capitals_and_other_groups_do_not_narrow(self) -> None:
        lines = [
            {"make": "MARQUE", "system": "ENGINE", "case_count": 3},
            {"make": "Marque", "system": "STEERING", "case_count": 1},
            {"make": "Other", "system": "ENGINE", "case_count": 2},
        ]
        sold = [
            {"make": "Marque", "sale_count": 50, "visit_count": 0},
            {"make": "marque", "sale_count": 50, "visit_count": 4},
        ]
        found = beside(lines, sold, [7, 2])

        assert [(one["sale_count"], one.get("per_100_sales"), one.get("per_1000_visits")) for one in found] == [
            (100, 3.0, 750.0),
            (100, 1.0, 250.0),
            (0, None, None),
        ]

    def test_a_report_in_one_line_is_set_against_everything(self) -> None:
        assert beside([{"case_count": 5}], [{"sale_count": 10, "visit_count": 0}], [])[0]["per_100_sales"] == 50


class TestRowOf:
    def test_a_sale_counts_in_the_month_of_its_invoice_and_a_visit_in_that_of_its_end(self) -> None:
        day = {"year": 2026, "month": 3, "day": 31}
        sale = heard(sale_events_pb2.SaleRecorded(), invoice_date=day)
        visit = heard(repair_order_events_pb2.RepairOrderClosed(), close_time="2026-04-01T00:00:00Z")

        assert sale is not None
        assert visit is not None
        assert [(row["kind"], row["month"], row["voided"]) for row in (sale, visit)] == [
            (1, date(2026, 3, 1), False),
            (2, date(2026, 4, 1), False),
        ]

    def test_what_was_taken_back_does_not_count_and_what_has_not_ended_is_no_visit(self) -> None:
        day = {"year": 2026, "month": 3, "day": 31}
        back = heard(sale_events_pb2.SaleReversed())
        said_again = heard(sale_events_pb2.SaleSnapshot(), invoice_date=day, state="SALE_STATE_REVERSED")

        assert back is not None
        assert said_again is not None
        assert (back["voided"], back["month"], said_again["voided"]) == (True, None, True)
        assert heard(repair_order_events_pb2.RepairOrderSnapshot()) is None


@pytest.mark.parametrize("state", range(1, 10))
def test_work_comes_before_the_end_of_a_case_and_recovery_after_its_decision(state: int) -> None:
    assert tasks.may_begin(tasks.WORK, state) == (state < 8)
    assert tasks.may_begin(tasks.RECOVERY, state) == (state >= 6)
    assert not tasks.may_begin(tasks.RECOVERY, state, merged=True)
