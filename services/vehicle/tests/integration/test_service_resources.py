"""What a station gives away by the hour; the hours while the network service is away; who leaves, and who is forgotten."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from google.type import date_pb2
from marque.type.v1 import hand_over_pb2, personal_data_pb2
from marque.vehicle.v1 import service_resource_pb2
from marque.vehicle.v1 import service_resource_service_pb2 as resources
from servicekit.testing.client import RpcFailure

R = "vehicle.v1.ServiceResourceService"


async def refused(work: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await work
    return failure.value.reason


async def update(client: Any, made: Any, mask: list[str], **fields: Any) -> Any:
    resource = service_resource_pb2.ServiceResource(resource_id=made.resource_id, **fields)
    request = resources.UpdateServiceResourceRequest(service_resource=resource)
    request.update_mask.paths.extend(mask)
    return await client.call(f"{R}/UpdateServiceResource", request)


class TestResources:
    async def test_names_are_unique_and_fields_belong_to_kinds(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=1)
        assert await refused(diary.make_resource(dealer, 1, " B1 ")) == "SERVICE_RESOURCE_EXISTS"
        assert (await diary.make_resource(dealer, 3, "B1", vin="lsvaa4180 12345678")).vin == "LSVAA418012345678"
        assert await refused(diary.make_resource(dealer, 1, "B2", staff_id=str(uuid.uuid4()))) == "INVALID_ARGUMENT"
        assert await refused(diary.make_resource(dealer, 2, "A1", vin="LSVAA418012345678")) == "INVALID_ARGUMENT"
        assert await refused(diary.make_resource(dealer, 3, "B2", vin="LSVAA4180123456789")) == "INVALID_ARGUMENT"
        assert await refused(diary.make_resource(dealer, 0, "X")) == "INVALID_ARGUMENT"

    async def test_one_that_is_put_away_takes_no_more_and_keeps_what_it_has(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=0)
        bay = await diary.make_resource(dealer, 1, "B1")
        made = await diary.book(dealer, diary.at(9))
        manager = diary.garage.client("dealer.manager", dealers=[dealer])
        assert not (await update(manager, bay, ["active"], active=False)).active
        assert await refused(diary.book(dealer, diary.at(11))) == "SLOT_TAKEN"
        found = await diary.ask("GetAppointment", appointment_id=made.appointment_id)
        assert found.bay_resource_id == bay.resource_id

    async def test_another_station_sees_and_changes_nothing(self, diary: Any) -> None:
        dealer, other = await diary.make_station(bays=2), await diary.make_station(bays=1)
        listed = await diary.garage.client("dealer.manager", dealers=[dealer]).call(
            f"{R}/ListServiceResources", resources.ListServiceResourcesRequest()
        )
        assert [one.name for one in listed.service_resources] == ["B1", "B2"]
        stranger = diary.garage.client("dealer.manager", dealers=[other])
        work = update(stranger, listed.service_resources[0], ["name"], name="Mine")
        assert await refused(work) == "SERVICE_RESOURCE_NOT_FOUND"


class TestLeaving:
    async def test_the_column_of_who_leaves_goes_on_under_another_and_takes_no_more(self, diary: Any) -> None:
        dealer = await diary.make_station(bays=1)
        leaver, successor = str(uuid.uuid4()), str(uuid.uuid4())
        column = await diary.make_resource(dealer, 2, "A1", staff_id=leaver)
        made = await diary.book(dealer, diary.at(9))
        assert made.adviser_staff_id == leaver
        request = hand_over_pb2.HandOverRequest(
            hand_over_id=str(uuid.uuid4()), from_staff_id=leaver, successor_staff_ids=[successor]
        )
        answer = await diary.garage.service.call("vehicle.v1.VehicleHandOverService/HandOver", request)
        assert [one.key for one in answer.rows] == [column.resource_id]
        after = await diary.ask("GetAppointment", appointment_id=made.appointment_id)
        assert after.adviser_staff_id == successor
        with pytest.raises(RpcFailure) as failure:
            await diary.book(dealer, diary.at(11), adviser_resource_id=column.resource_id)
        assert failure.value.reason == "SLOT_TAKEN"


class TestErasure:
    async def test_a_visit_to_come_is_kept_and_one_that_is_over_forgets_the_person(self, diary: Any) -> None:
        dealer, customer = await diary.make_station(bays=2), await diary.garage.make_customer()
        kept = await diary.book(dealer, diary.at(9), customer_id=customer, wish="call me")
        over = await diary.book(dealer, diary.at(9), customer_id=customer, wish="call me")
        await diary.ask("CancelAppointment", appointment_id=over.appointment_id, reason="NOT_NEEDED")
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=customer, erasure_id=str(uuid.uuid4()))
        rpc = "vehicle.v1.VehiclePersonalDataService"
        answer = await diary.garage.service.call(f"{rpc}/ErasePersonalData", request)
        assert [(one.kind, one.count) for one in answer.retained if "appointment" in one.kind] == [
            ("vehicle.appointment", 1)
        ]
        texts = [
            (found.customer_id, found.wish)
            for one in (kept, over)
            for found in [await diary.ask("GetAppointment", appointment_id=one.appointment_id)]
        ]
        assert texts == [(customer, "call me"), ("", "")]


class TestNetworkAway:
    """The last: it stops the network service."""

    async def test_the_hours_kept_last_serve_until_it_is_back(self, diary: Any) -> None:
        known, unknown = await diary.make_station(bays=1), await diary.make_station(bays=1)
        await diary.book(known, diary.at(9))
        await diary.network_service.stop()
        made = await diary.book(known, diary.at(10))
        assert made.calendar_version == 1
        day = diary.at(0).date()
        first = date_pb2.Date(year=day.year, month=day.month, day=day.day)
        answer = await diary.ask("ListAppointmentSlots", dealer_id=known, from_date=first)
        assert answer.calendar_version == 1
        assert await refused(diary.book(unknown, diary.at(10))) == "DEPENDENCY_UNAVAILABLE"
