"""Any question about the past (valid, known) has one answer for ever, whatever is done to a car afterwards.

A machine plays with one car at a time: it sells, resells, hands on, ends, reverses, corrects by an import, merges and unmerges
people. After every step it keeps some answers, and asks for all that it kept again. It runs in a thread, beside the services' loop.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from marque.type.v1 import import_pb2
from marque.vehicle.v1 import ownership_service_pb2 as ownerships
from marque.vehicle.v1 import sale_service_pb2 as sales
from marque.vehicle.v1 import vehicle_import_rows_pb2, vehicle_import_service_pb2
from servicekit.testing.client import RpcFailure

O, S = "vehicle.v1.OwnershipService", "vehicle.v1.SaleService"  # noqa: E741 - the nouns of this file
FIRST = date(2026, 1, 5)
DAYS = st.integers(0, 60)
PEOPLE = st.integers(0, 3)
pytestmark = pytest.mark.slow


class History(RuleBasedStateMachine):
    """One car, and what was ever answered about it. `play` runs a coroutine on the services' loop."""

    garage: Any
    play: Any
    people: list[str]
    dealer: str
    dealer_code: str
    cars = 0

    @initialize()
    def begin(self) -> None:
        type(self).cars += 1
        self.vin = self.play(self.garage.make_car()).vin
        self.sales: dict[str, tuple[str, date]] = {}  # id → (invoice, day)
        self.kept: list[tuple[datetime, datetime, Any]] = []
        self.numbers = itertools.count(1)

    def attempt(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Does what the rules of the trade may refuse; a refusal changes nothing and that is judged as well."""
        try:
            return self.play(work)
        except RpcFailure as failure:
            if failure.code not in ("FAILED_PRECONDITION", "ALREADY_EXISTS", "INVALID_ARGUMENT", "NOT_FOUND"):
                raise
            return None

    def present(self) -> list[Any]:
        request = ownerships.ListOwnershipsRequest(vin=self.vin, page_size=100)
        found = self.play(self.garage.agent.call(f"{O}/ListOwnerships", request))
        return list(found.ownerships)

    @rule(person=PEOPLE, after=DAYS, ends=st.booleans(), delivered=st.booleans())
    def sell(self, person: int, after: int, ends: bool, delivered: bool) -> None:
        day, number = FIRST + timedelta(days=after), f"{self.vin}-{next(self.numbers)}"
        more = {"invoice_number": number, "invoice_date": self.garage.day(day)}
        if delivered:
            more["delivery_date"] = self.garage.day(day + timedelta(days=2))
        request = self.garage.sale(self.dealer, self.vin, self.people[person], **more)
        request.ends_current_ownership = ends
        sale = self.attempt(self.garage.manager.call(f"{S}/RecordSale", request))
        if sale is not None:
            self.sales[sale.sale_id] = (number, day)

    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        if self.sales:
            sale_id = data.draw(st.sampled_from(sorted(self.sales, key=lambda one: self.sales[one])))
            request = sales.ReverseSaleRequest(sale_id=sale_id, reason="CUSTOMER_RETURNED")
            self.attempt(self.garage.manager.call(f"{S}/ReverseSale", request))

    @rule(person=PEOPLE, role=st.integers(1, 4), after=DAYS)
    def start(self, person: int, role: int, after: int) -> None:
        start = datetime.combine(FIRST + timedelta(days=after), datetime.min.time())
        self.attempt(self.garage.start_ownership(self.vin, self.people[person], start, role))

    @rule(data=st.data(), person=PEOPLE, after=DAYS, transfer=st.booleans())
    def end(self, data: st.DataObject, person: int, after: int, transfer: bool) -> None:
        rows = self.present()
        if not rows:
            return
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        moment = datetime.combine(FIRST + timedelta(days=after), datetime.min.time())
        if transfer:
            self.attempt(self.garage.transfer(row.ownership_id, self.people[person], moment))
        else:
            request = ownerships.EndOwnershipRequest(ownership_id=row.ownership_id, reason=1)
            request.valid_end_time.FromDatetime(moment)
            self.attempt(self.garage.agent.call(f"{O}/EndOwnership", request))

    @rule(data=st.data(), later=st.integers(0, 9), taken_back=st.booleans(), person=PEOPLE)
    def import_again(self, data: st.DataObject, later: int, taken_back: bool, person: int) -> None:
        """The dealer's file says another day of delivery, or that the sale was taken back."""
        if not self.sales:
            return
        number, day = data.draw(st.sampled_from(sorted(self.sales.values())))
        row = vehicle_import_rows_pb2.SaleImportRow(
            dealer_code=self.dealer_code, invoice_number=number, vin=self.vin, customer_id=self.people[person],
            invoice_date=day.isoformat(), delivery_date=(day + timedelta(days=later)).isoformat(), use="private",
            reversal_reason="DEAL_CANCELLED" if taken_back else "",
        )  # fmt: skip
        self.play(self._imported(row))

    async def _imported(self, row: Any) -> None:
        request = vehicle_import_service_pb2.ImportSalesRequest(
            header=import_pb2.ImportStreamHeader(source="dms"), rows=[row]
        )
        stream = self.garage.manager.stream("vehicle.v1.VehicleImportService/ImportSales", [request])
        told = [error.reason async for answer in stream for row in answer.rejected for error in row.errors]
        assert "ROW_NOT_APPLIED" not in told, "a row that broke, where it should have been refused by name"

    @rule(one=PEOPLE, other=PEOPLE, ended=st.booleans())
    def merge(self, one: int, other: int, ended: bool) -> None:
        """A merge as it is heard, or its end: it changes whose rows they are read as, not what they say."""
        begin = (
            "INSERT INTO customer_aliases (from_customer_id, to_customer_id, known_from, version) VALUES ($1, $2, now(), 1) "
            "ON CONFLICT DO NOTHING"
        )
        if one < other:
            self.play(self.garage.sql(begin, self.people[one], self.people[other]))
            if ended:
                over = "UPDATE customer_aliases SET known_until = now() WHERE from_customer_id = $1"
                self.play(self.garage.sql(over, self.people[one]))

    @invariant()
    def every_answer_is_the_same_again(self) -> None:
        if not hasattr(self, "kept"):
            return
        for valid, known, answer in self.kept:
            assert self.play(self.garage.owners_at(self.vin, valid, known)) == answer, (valid, known)
        for after in (1, 20, 61):
            valid = datetime.combine(FIRST + timedelta(days=after), datetime.min.time())
            answer = self.play(self.garage.owners_at(self.vin, valid))
            self.kept.append((valid, _exact(answer.known_time), self._asked(valid, answer.known_time)))
            assert self.kept[-1][2].ownerships == answer.ownerships
            owned = [(one.customer_id, one.role) for one in answer.ownerships]
            assert len(owned) == len(set(owned)), "one person, one role, one moment, twice"
        self.kept = self.kept[-30:]

    def _asked(self, valid: datetime, known: Timestamp) -> Any:
        return self.play(self.garage.owners_at(self.vin, valid, _exact(known)))


def _exact(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime()


class TestHistories:
    async def test_a_question_about_the_past_has_one_answer_for_ever(self, garage: Any, soaking: bool) -> None:
        loop = asyncio.get_running_loop()
        dealer = await garage.make_dealer()

        class Played(History):
            pass

        Played.garage, Played.dealer = garage, dealer
        Played.dealer_code = await garage.code_of(dealer)
        Played.people = [str(await garage.make_customer()) for _ in range(4)]
        Played.play = staticmethod(lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(60))
        most = settings(
            max_examples=150 if soaking else 6,
            stateful_step_count=30 if soaking else 16,
            derandomize=not soaking,  # so few histories may by chance hold no correction
            deadline=None,
            phases=(Phase.generate,),  # a failure is told as it was found: making it smaller would take minutes
            suppress_health_check=list(HealthCheck),
        )
        await asyncio.to_thread(run_state_machine_as_test, Played, settings=most)
        print(f"{Played.cars} cars, {(await garage.sql('SELECT count(*) FROM ownerships'))[0][0]} rows of ownerships")
        (corrected,) = await garage.sql("SELECT count(*) FROM ownerships WHERE known_until IS NOT NULL")
        assert corrected[0] > 0, "nothing was ever corrected"
