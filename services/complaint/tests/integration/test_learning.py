"""Cases are counted by what people said and by what their words predict; who rises beyond chance is signalled, once."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.protobuf import json_format
from marque.complaint.v1 import complaint_import_service_pb2 as imports
from servicekit import contract
from servicekit.staff import subject_key
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

TERMS, COUNTS, SIGNALS = "CaseTaxonomyService", "CaseCountService", "DefectSignalService"
WORDS = {
    "SERVICE BRAKES": ["brake pedal sinks to the floor", "brakes squeal and pads are worn", "刹车踏板发软制动距离变长"],
    "ENGINE": ["engine stalls and oil burns", "coolant leaks from the engine block", "发动机烧机油抖动"],
    "STEERING": ["steering wheel pulls to the left", "power steering assist is lost", "方向盘打不动转向沉重"],
}
THIS_YEAR = datetime.now(UTC).year


async def call(desk: Any, service: str, rpc: str, client: Any = None, **request: Any) -> Any:
    name = f"complaint.v1.{service}"
    method = contract.methods(f"marque.{name}")[rpc]
    return await (client or desk.manager).call(f"{name}/{rpc}", json_format.ParseDict(request, method.input()))


async def bring(desk: Any, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 500):
        header = {"header": {"source": "learning"}, "rows": rows[start : start + 500]}
        message = json_format.ParseDict(header, imports.ImportCasesRequest())
        async for answer in desk.manager.stream("complaint.v1.ComplaintImportService/ImportCases", iter([message])):
            assert answer.summary.rejected == 0


async def counted(desk: Any) -> None:
    async def nothing_waits() -> bool:
        return not await desk.sql("SELECT 1 FROM case_marks LIMIT 1")

    await until(nothing_waits, 60, "the cases are not counted")


def day(year: int, month: int) -> dict[str, int]:
    return {"year": year, "month": month, "day": 1}


def told(make: str, moment: date, text: str, component: str = "", **more: Any) -> dict[str, Any]:
    found = {"source_key": uuid.uuid4().hex, "receive_date": moment.isoformat(), "make": make, "model": "One"}
    return {**found, "model_year": "2020", "description": text, "component": component, **more}


async def learned(desk: Any) -> Any:
    """Brings cases that people decided, and lets the service learn from them, once for the module."""
    known = await desk.sql("SELECT 1 FROM case_suggesters WHERE train_time IS NOT NULL AND NOT too_few LIMIT 1")
    if not known:
        draw = random.Random(3)
        rows = [
            told("Teacher", date(2019, 5, 1), f"{draw.choice(texts)} {draw.randint(1, 99)}", system, category="FAULT" if at % 2 else "WEAR")
            for at in range(60)
            for system, texts in WORDS.items()
        ]  # fmt: skip
        await bring(desk, rows)
        await counted(desk)
        asked = await call(desk, TERMS, "TrainCaseSuggester")

        async def done() -> bool:
            return (await call(desk, TERMS, "GetCaseSuggester", version=asked.version)).HasField("train_time")

        await until(done, 60, "it is not done")
    return await call(desk, TERMS, "GetCaseSuggester")


class TestTaxonomy:
    async def test_the_paths_of_both_worlds_are_counted_together(self, desk: Any) -> None:
        make = f"M{uuid.uuid4().hex[:8]}"
        moment = date(2024, 3, 9)
        paths = ["发动机:异响", "ENGINE AND ENGINE COOLING:OIL", "ENGINE", "制动系", "Made Up:Thing"]
        await bring(desk, [told(make, moment, "-", path) for path in paths])
        await counted(desk)
        answer = await call(
            desk, COUNTS, "CountCases", month_from=day(2024, 1), month_to=day(2024, 12), make=make,
            group_by=["CASE_COUNT_GROUP_SYSTEM", "CASE_COUNT_GROUP_MONTH"],
        )  # fmt: skip
        assert [(one.system, one.month.month, one.case_count, one.predicted_count) for one in answer.counts] == [
            ("ENGINE", 3, 3, 0), ("MADE UP", 3, 1, 0), ("SERVICE BRAKES", 3, 1, 0),
        ]  # fmt: skip

    async def test_a_new_alias_moves_what_was_counted_before(self, desk: Any) -> None:
        make, word = f"M{uuid.uuid4().hex[:8]}", f"W{uuid.uuid4().hex[:8]}".upper()
        await bring(desk, [told(make, date(2024, 3, 9), "-", f"{word}:LEFT")])
        await counted(desk)
        listed = await call(desk, TERMS, "ListCaseTerms", scheme="CASE_TERM_SCHEME_COMPONENT", page_size=1000)
        wheels = next(term for term in listed.terms if term.code == "WHEELS")
        wheels.aliases.append(word)
        body = json_format.MessageToDict(wheels, preserving_proto_field_name=True)
        await call(desk, TERMS, "PutCaseTerms", terms=[body])

        async def moved() -> bool:
            rows = await desk.sql("SELECT system FROM case_facts WHERE make = $1", make)
            return [row["system"] for row in rows] == ["WHEELS"]

        await until(moved, 60, "the cases are not counted anew")
        with pytest.raises(RpcFailure) as refused:
            await call(desk, TERMS, "PutCaseTerms", terms=[body])
        assert refused.value.reason == "ETAG_MISMATCH"

    @pytest.mark.parametrize(
        ("terms", "reason"),
        [
            ([{"code": "A"}, {"code": " a "}], "TERM_DOUBLE"),
            ([{"code": "A::B"}], "TERM_PATH"),
            ([{"code": "NEW PART", "aliases": ["tires"]}], "ALIAS_TAKEN"),
        ],
    )
    async def test_words_that_two_terms_claim_are_refused(
        self, desk: Any, terms: list[dict[str, Any]], reason: str
    ) -> None:
        scheme = {"scheme": "CASE_TERM_SCHEME_COMPONENT"}
        with pytest.raises(RpcFailure) as refused:
            await call(desk, TERMS, "PutCaseTerms", terms=[{**scheme, **term} for term in terms])
        assert reason in refused.value.fields.values()


class TestSuggestions:
    async def test_what_was_learned_is_measured_and_proposed_and_marked_as_predicted(self, desk: Any) -> None:
        suggester = await learned(desk)
        (systems,) = [one for one in suggester.measures if one.scheme == 2]
        assert systems.held_back_count > 20
        assert systems.first_right_count <= systems.first_three_right_count <= systems.held_back_count
        assert systems.first_right_count / systems.held_back_count > 0.9

        answer = await call(desk, TERMS, "SuggestCaseTerms", text="The brake pedal sinks slowly", most=2)
        assert answer.components[0].term == "SERVICE BRAKES"
        assert len(answer.components) == 2
        assert 0 < answer.components[0].score <= 1

        made = await desk.make(make="Guess", description="方向盘打不动，转向沉重")
        await counted(desk)
        case = await desk.call("GetCase", case_id=made.case_id)
        assert list(case.components) == []  # nothing is written into the case
        assert (case.prediction.system, case.prediction.suggester_version) == ("STEERING", suggester.version)

        said = await desk.call(
            "UpdateCase", case={"case_id": made.case_id, "components": ["ENGINE"]}, update_mask="components"
        )
        await counted(desk)
        assert (await desk.call("GetCase", case_id=said.case_id)).prediction.system == ""

    async def test_an_erased_text_leaves_its_prediction_and_takes_its_place_away(self, desk: Any) -> None:
        await learned(desk)
        customer = str(uuid.uuid4())
        row = told("Erased", date(2024, 2, 2), "the engine stalls and burns oil", place="Somewhere")
        await bring(desk, [row])
        await desk.sql("UPDATE cases SET customer_id = $1 WHERE source_key = $2", customer, row["source_key"])
        await counted(desk)
        service = desk.client("service")
        name = "complaint.v1.ComplaintPersonalDataService"
        method = contract.methods(f"marque.{name}")["ErasePersonalData"]
        request = {"customer_id": customer, "erasure_id": str(uuid.uuid4())}
        await service.call(f"{name}/ErasePersonalData", json_format.ParseDict(request, method.input()))
        await counted(desk)
        ((system, predicted, place),) = [
            (one["system"], one["predicted"], one["place"])
            for one in await desk.sql("SELECT * FROM case_facts WHERE make = 'Erased'")
        ]
        assert (system, predicted, place) == ("ENGINE", True, "")


class TestReports:
    async def test_promises_and_reopenings_are_counted_for_a_dealer_and_hidden_from_another(self, desk: Any) -> None:
        mine, other = await desk.make_dealer(region="N1"), await desk.make_dealer()
        make = f"M{uuid.uuid4().hex[:8]}"
        case = await desk.make(dealer_id=mine, make=make)
        late = await desk.make(dealer_id=mine, make=make)
        await desk.make_due(late.case_id)
        await desk.do("Acknowledge", case)
        await until_breached(desk, late.case_id)
        await counted(desk)
        now = datetime.now(UTC)
        asked = {"month_from": day(now.year, now.month), "month_to": day(now.year, now.month), "make": make}
        by = ["CASE_COUNT_GROUP_DEALER", "CASE_COUNT_GROUP_REGION"]
        care = desk.client("dealer.care", dealers=[mine])
        (line,) = (await call(desk, COUNTS, "CountCases", care, **asked, group_by=by)).counts
        assert (line.dealer_id, line.region_code, line.case_count) == (mine, "N1", 2)
        assert (line.response_count, line.response_in_time_count, line.open_count) == (2, 1, 2)
        hidden = await call(desk, COUNTS, "CountCases", desk.client("dealer.care", dealers=[other]), **asked)
        assert [one.case_count for one in hidden.counts] == [0]

    @pytest.mark.parametrize(
        ("first", "last", "reason"),
        [((2024, 2), (2024, 1), "RANGE_REVERSED"), ((2000, 1), (2010, 1), "RANGE_TOO_LONG")],
    )
    async def test_months_that_make_no_sense_are_refused(
        self, desk: Any, first: tuple[int, int], last: tuple[int, int], reason: str
    ) -> None:
        with pytest.raises(RpcFailure) as refused:
            await call(desk, COUNTS, "CountCases", month_from=day(*first), month_to=day(*last))
        assert refused.value.fields == {"month_to": reason}


async def until_breached(desk: Any, case_id: str) -> None:
    async def breached() -> bool:
        return "CaseBreached" in await desk.events(case_id)

    await until(breached, 60, "no breach was told")


async def scanned(desk: Any) -> Any:
    asked = await call(desk, SIGNALS, "ScanDefects")

    async def done() -> bool:
        last = (await call(desk, SIGNALS, "ListDefectSignals", page_size=1)).last_scan
        return bool(last.scan_number >= asked.scan_number)

    await until(done, 60, "it is not done")
    return (await call(desk, SIGNALS, "ListDefectSignals", page_size=1)).last_scan


class TestDefects:
    async def test_a_rise_is_signalled_once_with_its_evidence_and_a_flat_series_is_not(self, desk: Any) -> None:
        make = f"M{uuid.uuid4().hex[:8]}"
        rows = []
        for at in range(24):
            moment = date(THIS_YEAR - 2 + at // 12, at % 12 + 1, 5)
            rows += [told(make, moment, "-", "ENGINE") for _ in range(6)]
            rows += [told(make, moment, "-", "SERVICE BRAKES:ABS") for _ in range(1 if at < 18 else 12)]
            rows += [told(make, moment, "-", "服务态度") for _ in range(1 if at < 18 else 12)]
        await bring(desk, rows)
        await counted(desk)
        scan = await scanned(desk)
        assert scan.series_count >= 2
        assert scan.false_alarm_rate == 0.01
        (signal,) = (await call(desk, SIGNALS, "ListDefectSignals", make=make)).signals
        assert (signal.system, signal.basis, signal.before_count, signal.after_count) == ("SERVICE BRAKES", 2, 18, 72)
        assert (signal.change_month.year, signal.change_month.month) == (THIS_YEAR - 1, 7)
        assert await desk.events(signal.signal_id) == ["DefectSignalRaised"]

        evidence = await call(desk, SIGNALS, "ListDefectEvidence", signal_id=signal.signal_id, page_size=50)
        assert len(evidence.evidence) == 50
        rest = await call(
            desk, SIGNALS, "ListDefectEvidence", signal_id=signal.signal_id, page_size=50, page_token=evidence.next_page_token
        )  # fmt: skip
        assert len(rest.evidence) == 22
        assert not any(one.predicted for one in evidence.evidence)

        await scanned(desk)
        assert await desk.events(signal.signal_id) == ["DefectSignalRaised"]
        assert (await call(desk, SIGNALS, "GetDefectSignal", signal_id=signal.signal_id)).etag == signal.etag

    async def test_a_signal_is_muted_for_a_while_and_followed_by_who_asks(self, desk: Any) -> None:
        make = f"M{uuid.uuid4().hex[:8]}"
        signal = str(uuid.uuid4())
        await desk.sql(
            "INSERT INTO defect_signals (signal_id, version, create_time, update_time, make, model, model_year, system, basis, "
            "change_month, before_count, after_count, predicted_count, before_level, after_level, log_evidence, false_alarm_rate) "
            "VALUES ($1, 1, now(), now(), $2, 'One', 2020, 'ENGINE', 2, '2024-01-01', 1, 9, 0, 0.1, 0.5, 9, 0.001)",
            signal, make,
        )  # fmt: skip
        subject = f"quality-{uuid.uuid4().hex}"
        await desk.sql(
            "INSERT INTO known_staff (subject_key, staff_id, status, roles, region_code, group_code, version, change_time) "
            "VALUES ($1, $2, 1, $3, '', '', 1, now())",
            subject_key(subject), str(uuid.uuid4()), ["oem.quality"],
        )  # fmt: skip
        quality = desk.client("oem.quality", subject=subject)
        later = "2100-01-01T00:00:00Z"
        muted = await call(desk, SIGNALS, "MuteDefectSignal", signal_id=signal, mute_time=later, reason="KNOWN")
        assert muted.mute_reason == "KNOWN"
        assert not (await call(desk, SIGNALS, "ListDefectSignals", make=make)).signals
        assert (await call(desk, SIGNALS, "ListDefectSignals", make=make, show_muted=True)).signals
        await call(desk, SIGNALS, "MuteDefectSignal", signal_id=signal, etag=muted.etag)
        with pytest.raises(RpcFailure) as refused:
            await call(
                desk, SIGNALS, "MuteDefectSignal", signal_id=signal, mute_time="2001-01-01T00:00:00Z", reason="X"
            )
        assert refused.value.fields == {"mute_time": "TIME_INVALID"}

        followers = await asyncio.gather(
            *(call(desk, SIGNALS, "FollowDefectSignal", quality, signal_id=signal) for _ in range(3))
        )
        assert {one.follower_count for one in followers} == {1}
        mine = await call(desk, SIGNALS, "ListDefectSignals", quality, followed=True, make=make)
        assert [one.followed for one in mine.signals] == [True]
        assert not (await call(desk, SIGNALS, "ListDefectSignals", followed=True, make=make)).signals
        left = await call(desk, SIGNALS, "FollowDefectSignal", quality, signal_id=signal, unfollow=True)
        assert (left.followed, left.follower_count) == (False, 0)
