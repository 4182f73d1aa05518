"""Help on the road, with the network service beside: asked for at any door, sent from the nearest station, over, forgotten."""

from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest
from google.type import latlng_pb2
from marque.network.v1 import dealer_pb2, dealer_service_pb2
from marque.type.v1 import operations_pb2
from marque.type.v1 import personal_data_pb2 as personal
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

SERVICE = "RoadsideService"
REQUESTED, DISPATCHED, ARRIVED, FINISHED, CANCELLED = range(1, 6)
PHONE = "+8613912345678"
TYRE, TOWED = 2, 2


def place(latitude: float, longitude: float) -> latlng_pb2.LatLng:
    return latlng_pb2.LatLng(latitude=latitude, longitude=longitude)


async def station(diary: Any, latitude: float, longitude: float) -> str:
    """An open station that services cars, at a place, of which the vehicle service knows."""
    code = f"RS{uuid.uuid4().hex[:10]}".upper()
    dealer = dealer_pb2.Dealer(
        code=code, names={"en": "Station"}, kinds=[2], time_zone="Asia/Shanghai", location=place(latitude, longitude)
    )
    request = dealer_service_pb2.CreateDealerRequest(dealer=dealer)
    made = await diary.network.call("network.v1.DealerService/CreateDealer", request)
    if made.status != dealer_pb2.DEALER_STATUS_ACTIVE:
        activate = dealer_service_pb2.ActivateDealerRequest(dealer_id=made.dealer_id, etag=made.etag)
        await diary.network.call("network.v1.DealerService/ActivateDealer", activate)
    await diary.garage.sql(
        "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
        "VALUES ($1, $2, '', '', 'Asia/Shanghai', 1, 1) ON CONFLICT DO NOTHING", made.dealer_id, code,
    )  # fmt: skip
    return str(made.dealer_id)


async def ask(diary: Any, rpc: str, client: Any = None, **fields: Any) -> Any:
    return await diary.garage.ask(f"{SERVICE}/{rpc}", client, **fields)


async def call_for_help(diary: Any, client: Any = None, rpc: str = "OpenRoadsideCase", **fields: Any) -> Any:
    given = {"vin": diary.garage.new_vin(), "phone": "139 1234 5678", "problem": TYRE, "location": place(31.2, 121.5)}
    return await ask(diary, rpc, client, **{**given, **fields})


class TestCase:
    async def test_help_comes_from_the_nearest_station_and_the_odometer_is_kept(self, diary: Any) -> None:
        near, far = await station(diary, 45.01, 90.0), await station(diary, 46.0, 90.0)
        vin = (await diary.garage.make_car()).vin
        case = await call_for_help(diary, vin=vin, location=place(45.0, 90.0), place="G7, 300 km")
        assert (case.state, case.dealer_id, 1000 < case.distance_metres < 1300) == (REQUESTED, near, True)
        assert case.phone == PHONE
        (told,) = await diary.garage.events("RoadsideRequested", case.case_id)
        assert (told.vin, told.dealer_id, told.problem) == (vin, near, TYRE)

        assert (await ask(diary, "DispatchRoadsideCase", case_id=case.case_id, dealer_id=far)).dealer_id == far
        sent = await ask(diary, "DispatchRoadsideCase", case_id=case.case_id)
        assert (sent.state, sent.dealer_id) == (DISPATCHED, near)
        helper = diary.garage.client("dealer.service", dealers=[near])
        await ask(diary, "ArriveRoadsideCase", helper, case_id=case.case_id)
        order = await diary.garage.make_order(near, vin)
        asked = {"outcome": TOWED, "repair_order_id": order.repair_order_id, "odometer_km": 4321}
        over = await ask(diary, "FinishRoadsideCase", helper, case_id=case.case_id, **asked)
        assert (over.state, over.outcome, over.repair_order_id) == (FINISHED, TOWED, order.repair_order_id)
        times = [getattr(over, f"{name}_time").ToDatetime() for name in ("request", "dispatch", "arrive", "finish")]
        assert times == sorted(times)
        (closed,) = await diary.garage.events("RoadsideClosed", case.case_id)
        assert (closed.state, closed.outcome, closed.dealer_id) == (FINISHED, TOWED, near)
        (reading,) = (await diary.garage.ask("OdometerService/ListOdometerReadings", vin=vin)).readings
        assert (reading.odometer_km, reading.source, reading.source_id) == (4321, 6, case.case_id)

    async def test_the_public_door_takes_a_call_and_tells_its_caller_how_far_it_is(self, diary: Any) -> None:
        anybody = diary.garage.client()
        known = (await diary.garage.make_car()).vin
        first = await call_for_help(diary, anybody, "RequestRoadsideHelp", vin=known)
        second = await call_for_help(diary, anybody, "RequestRoadsideHelp")
        assert (first.state, second.state) == (REQUESTED, REQUESTED)  # whether the car is known is not told
        found = await ask(diary, "TrackRoadsideHelp", anybody, case_id=first.case_id)
        assert found == first
        with pytest.raises(RpcFailure) as failure:
            await ask(diary, "TrackRoadsideHelp", anybody, case_id=str(uuid.uuid4()))
        assert failure.value.reason == "ROADSIDE_CASE_NOT_FOUND"
        shown = await ask(diary, "GetRoadsideCase", case_id=first.case_id)
        assert (shown.vin, shown.phone, shown.customer_id) == (known, PHONE, "")

    async def test_a_call_is_taken_though_nobody_can_tell_the_nearest_station(self, diary: Any) -> None:
        case = (
            await diary.garage.ask(f"{SERVICE}/OpenRoadsideCase", vin=diary.garage.new_vin(), phone=PHONE, problem=TYRE)
        ).case_id
        with pytest.raises(RpcFailure) as failure:
            await ask(diary, "DispatchRoadsideCase", case_id=case)
        assert failure.value.reason == "ROADSIDE_PLACE_MISSING"

    @pytest.mark.parametrize(
        ("fields", "wrong"), [({"vin": "NO"}, "vin"), ({"phone": "12"}, "phone")], ids=["no car", "nobody to call back"]
    )
    async def test_what_cannot_be_helped_is_refused(self, diary: Any, fields: dict[str, str], wrong: str) -> None:
        with pytest.raises(RpcFailure) as failure:
            await call_for_help(diary, diary.garage.client(), "RequestRoadsideHelp", **fields)
        assert list(failure.value.fields) == [wrong]


class TestStates:
    @pytest.mark.parametrize(
        ("state", "may"),
        [
            (REQUESTED, {"Dispatch", "Cancel"}),
            (DISPATCHED, {"Dispatch", "Arrive", "Finish", "Cancel"}),
            (ARRIVED, {"Finish"}),
            (FINISHED, set()),
            (CANCELLED, set()),
        ],
    )
    async def test_each_step_is_taken_where_it_may_be_and_nowhere_else(
        self, diary: Any, state: int, may: set[str]
    ) -> None:
        dealer = await diary.garage.make_dealer()
        verbs = {
            "Dispatch": {"dealer_id": dealer},
            "Arrive": {},
            "Finish": {"outcome": 1},
            "Cancel": {"reason": "DRIVES_AGAIN"},
        }
        way = {1: [], 2: ["Dispatch"], 3: ["Dispatch", "Arrive"], 4: ["Dispatch", "Finish"], 5: ["Cancel"]}[state]
        for verb, fields in verbs.items():
            case = (await call_for_help(diary)).case_id
            for step in way:
                await ask(diary, f"{step}RoadsideCase", case_id=case, **verbs[step])
            if verb in may:
                await ask(diary, f"{verb}RoadsideCase", case_id=case, **fields)
                continue
            with pytest.raises(RpcFailure) as failure:
                await ask(diary, f"{verb}RoadsideCase", case_id=case, **fields)
            assert failure.value.reason == "ROADSIDE_STATE_WRONG"


class TestSight:
    async def test_an_owner_sees_own_calls_a_dealer_those_it_is_sent_to(self, diary: Any) -> None:
        customer, dealer = await diary.garage.make_customer(), await diary.garage.make_dealer()
        owner = diary.garage.client("owner", customer=customer)
        case = (await call_for_help(diary, owner)).case_id
        helper = diary.garage.client("dealer.service", dealers=[dealer])
        other = diary.garage.client("owner", customer=await diary.garage.make_customer())
        assert (await ask(diary, "GetRoadsideCase", owner, case_id=case)).customer_id == customer
        for stranger in (helper, other):
            with pytest.raises(RpcFailure):
                await ask(diary, "GetRoadsideCase", stranger, case_id=case)
            assert not (await ask(diary, "ListRoadsideCases", stranger)).cases
        await ask(diary, "DispatchRoadsideCase", case_id=case, dealer_id=dealer)
        assert [one.case_id for one in (await ask(diary, "ListRoadsideCases", helper)).cases] == [case]
        assert [one.case_id for one in (await ask(diary, "ListRoadsideCases", owner)).cases] == [case]


class TestForget:
    async def test_some_time_after_it_is_over_nobody_knows_who_called_from_where(self, diary: Any) -> None:
        case = (await call_for_help(diary, place="G2, 1120 km", note="Left front.")).case_id
        await ask(diary, "CancelRoadsideCase", case_id=case, reason="DRIVES_AGAIN")
        await diary.garage.sql("UPDATE due_work SET due_time = now() WHERE kind = 'roadside.forget' AND key = $1", case)

        async def forgotten() -> bool:
            shown = await ask(diary, "GetRoadsideCase", case_id=case)
            return (shown.phone, shown.place, shown.note, shown.HasField("location")) == ("", "", "", False)

        await until(forgotten, 20, "the caller is not forgotten")

    async def test_a_person_who_is_erased_is_taken_out_of_what_is_over(self, diary: Any) -> None:
        customer = await diary.garage.make_customer()
        cases = [(await call_for_help(diary, customer_id=customer)).case_id for _ in range(2)]
        await ask(diary, "CancelRoadsideCase", case_id=cases[0], reason="DRIVES_AGAIN")
        service = "vehicle.v1.VehiclePersonalDataService"
        request = personal.ExportPersonalDataRequest(customer_id=customer)
        exported = [one async for one in diary.garage.service.stream(f"{service}/ExportPersonalData", request)]
        assert {orjson.loads(one.json)["case_id"] for one in exported} == set(cases)
        erase = personal.ErasePersonalDataRequest(customer_id=customer, erasure_id=str(uuid.uuid4()))
        answer = await diary.garage.service.call(f"{service}/ErasePersonalData", erase)
        assert dict(answer.erased_counts) == {"vehicle.roadside_case": 1}
        assert [(one.kind, one.reason) for one in answer.retained] == [("vehicle.roadside_case", "ROADSIDE_CASE_OPEN")]
        assert (await ask(diary, "GetRoadsideCase", case_id=cases[0])).phone == ""


class TestSnapshots:
    async def test_a_case_is_said_again_without_who_called_from_where(self, diary: Any) -> None:
        case = await call_for_help(diary)
        request = operations_pb2.RepublishRequest(aggregate="roadside_case")
        await diary.garage.client("ops").call("vehicle.v1.VehicleOperationsService/Republish", request)

        async def said() -> bool:
            return bool(await diary.garage.events("RoadsideSnapshot", case.case_id))

        await until(said, 20, "the case was not said again")
        (told,) = await diary.garage.events("RoadsideSnapshot", case.case_id)
        assert (told.vin, told.state, told.problem) == (case.vin, case.state, TYRE)
        assert PHONE not in str(told)
