"""Ownerships: one answer for ever, no overlap, no person that is not the caller's to know."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from marque.vehicle.v1 import ownership_service_pb2 as ownerships
from servicekit.testing.client import RpcFailure

O = "vehicle.v1.OwnershipService"  # noqa: E741 - the noun of this file


async def listed(client: Any, **fields: Any) -> list[Any]:
    return list((await client.call(f"{O}/ListOwnerships", ownerships.ListOwnershipsRequest(**fields))).ownerships)


class TestTransfer:
    async def test_old_ends_and_new_begins_at_one_instant(self, garage: Any) -> None:
        car, first, second = await garage.make_car(), await garage.make_customer(), await garage.make_customer()
        started = await garage.start_ownership(car.vin, first, garage.at(2020, 1, 1))
        moment = garage.at(2023, 5, 5)
        answer = await garage.transfer(started.ownership_id, second, moment, source="registry")

        assert answer.ended.valid_end_time == answer.started.valid_start_time
        for valid, owner in ((moment - timedelta(microseconds=1), first), (moment, second)):
            assert [one.customer_id for one in (await garage.owners_at(car.vin, valid)).ownerships] == [owner]
        (ended,) = await garage.events("OwnershipEnded", started.ownership_id)
        assert (ended.voided, ended.aggregate_version) == (False, 2)

    @pytest.mark.parametrize(
        ("moment", "code", "reason"),
        [
            ((2019, 12, 31), "INVALID_ARGUMENT", "TRANSFER_BEFORE_START"),
            ((2020, 1, 1), "INVALID_ARGUMENT", "TRANSFER_BEFORE_START"),
        ],
    )
    async def test_not_before_it_began(self, garage: Any, moment: tuple[int, ...], code: str, reason: str) -> None:
        car, first, second = await garage.make_car(), await garage.make_customer(), await garage.make_customer()
        started = await garage.start_ownership(car.vin, first, garage.at(2020, 1, 1))
        with pytest.raises(RpcFailure) as failure:
            await garage.transfer(started.ownership_id, second, garage.at(*moment))
        assert (failure.value.code, failure.value.reason) == (code, reason)

    async def test_two_transfers_at_once_hand_it_on_once(self, garage: Any) -> None:
        car, first = await garage.make_car(), await garage.make_customer()
        started = await garage.start_ownership(car.vin, first, garage.at(2020, 1, 1))
        others = [await garage.make_customer() for _ in range(4)]
        answers = await asyncio.gather(
            *(garage.transfer(started.ownership_id, other, garage.at(2023, 1, 1)) for other in others),
            return_exceptions=True,
        )
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1
        assert {one.reason for one in answers if isinstance(one, RpcFailure)} == {"OWNERSHIP_ALREADY_ENDED"}
        assert len((await garage.owners_at(car.vin)).ownerships) == 1

    async def test_an_older_etag_is_refused(self, garage: Any) -> None:
        car, first, second = await garage.make_car(), await garage.make_customer(), await garage.make_customer()
        started = await garage.start_ownership(car.vin, first, garage.at(2020, 1, 1))
        with pytest.raises(RpcFailure) as failure:
            await garage.transfer(started.ownership_id, second, garage.at(2021, 1, 1), etag="v9")
        assert failure.value.reason == "ETAG_MISMATCH"


class TestStart:
    async def test_the_database_refuses_one_person_twice_in_one_role(self, garage: Any) -> None:
        car, one, other = await garage.make_car(), await garage.make_customer(), await garage.make_customer()
        await garage.start_ownership(car.vin, one, garage.at(2020, 1, 1))
        with pytest.raises(RpcFailure) as failure:
            await garage.start_ownership(car.vin, one, garage.at(2022, 1, 1))
        assert (failure.value.code, failure.value.reason) == ("ALREADY_EXISTS", "OWNERSHIP_OVERLAPS")
        await garage.start_ownership(car.vin, other, garage.at(2022, 1, 1))  # a co-owner
        await garage.start_ownership(car.vin, one, garage.at(2022, 1, 1), role=3)  # the same person drives it
        roles = [(row.role, row.customer_id) for row in (await garage.owners_at(car.vin)).ownerships]
        assert roles == [(1, one), (1, other), (3, one)]

    async def test_the_same_start_at_once_is_written_once(self, garage: Any) -> None:
        car, one = await garage.make_car(), await garage.make_customer()
        answers = await asyncio.gather(
            *(garage.start_ownership(car.vin, one, garage.at(2020, 1, 1)) for _ in range(5)), return_exceptions=True
        )
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1

    async def test_the_future_is_not_known(self, garage: Any) -> None:
        car, one = await garage.make_car(), await garage.make_customer()
        with pytest.raises(RpcFailure) as failure:
            await garage.start_ownership(car.vin, one, garage.at(2199, 1, 1))
        assert failure.value.fields == {"ownership.valid_start_time": "TIME_IN_FUTURE"}


class TestOneAnswerForEver:
    async def test_an_answer_for_a_past_pair_never_changes_while_others_write(self, garage: Any) -> None:
        car = await garage.make_car()
        people = [await garage.make_customer() for _ in range(6)]
        current = await garage.start_ownership(car.vin, people[0], garage.at(2015, 1, 1))
        given: list[tuple[Any, Any, list[str]]] = []
        writing = True

        async def ask() -> None:
            while writing:
                answer = await garage.owners_at(car.vin, garage.at(2018, 1, 1))
                given.append((answer.valid_time, answer.known_time, _who(answer)))

        asking = [asyncio.create_task(ask()) for _ in range(3)]
        for number, person in enumerate(people[1:]):
            current = (await garage.transfer(current.ownership_id, person, garage.at(2015 + number + 1, 1, 1))).started
        writing = False
        await asyncio.gather(*asking)

        assert len({answer[1].ToJsonString() for answer in given}) > 1
        for valid, known, who in given:
            zone = garage.at(2020, 1, 1).tzinfo
            again = await garage.owners_at(car.vin, valid.ToDatetime(zone), known.ToDatetime(zone))
            assert _who(again) == who

    async def test_the_future_of_knowledge_cannot_be_asked(self, garage: Any) -> None:
        car = await garage.make_car()
        with pytest.raises(RpcFailure) as failure:
            await garage.owners_at(car.vin, known=garage.at(2199, 1, 1))
        assert failure.value.fields == {"known_time": "TIME_IN_FUTURE"}


def _who(answer: Any) -> list[str]:
    return [one.customer_id for one in answer.ownerships]


class TestVisibility:
    async def make(self, garage: Any) -> tuple[str, str, str]:
        car, first, second = await garage.make_car(), await garage.make_customer(), await garage.make_customer()
        started = await garage.start_ownership(car.vin, first, garage.at(2020, 1, 1))
        await garage.transfer(started.ownership_id, second, garage.at(2023, 1, 1))
        return car.vin, first, second

    async def test_a_new_owner_never_sees_the_person_before(self, garage: Any) -> None:
        vin, first, second = await self.make(garage)
        client = garage.client("owner", customer=second)
        assert [row.customer_id for row in await listed(client, vin=vin)] == [second]
        assert await listed(client, customer_id=first) == []
        assert list((await garage.owners_at(vin, garage.at(2021, 1, 1), client=client)).ownerships) == []

    async def test_a_dealer_sees_the_present_owner_of_a_related_car_alone(self, garage: Any) -> None:
        vin, first, second = await self.make(garage)
        dealer = await garage.make_dealer()
        client = garage.client("dealer.service", dealers=[dealer])

        assert [row.customer_id for row in await listed(client, vin=vin)] == ["", ""]
        assert await listed(client, customer_id=second) == []
        await garage.make_order(dealer, vin)
        rows = await listed(client, vin=vin)

        assert [(row.customer_id, list(row.masked_fields)) for row in rows] == [(second, []), ("", ["customer_id"])]
        assert [row.vin for row in await listed(client, customer_id=second)] == [vin]
        assert await listed(client, customer_id=first) == []

    async def test_a_list_needs_a_car_or_a_person(self, garage: Any) -> None:
        with pytest.raises(RpcFailure) as failure:
            await listed(garage.agent)
        assert failure.value.reason == "FILTER_MISSING"

    async def test_lists_are_cut_at_valid_and_known_times_and_paged(self, garage: Any) -> None:
        vin, first, second = await self.make(garage)
        request = ownerships.ListOwnershipsRequest(vin=vin)
        request.valid_time.FromDatetime(garage.at(2021, 1, 1))
        answer = await garage.agent.call(f"{O}/ListOwnerships", request)
        assert [row.customer_id for row in answer.ownerships] == [first]
        found, token = [], ""
        while True:
            page = await garage.agent.call(
                f"{O}/ListOwnerships", ownerships.ListOwnershipsRequest(vin=vin, page_size=1, page_token=token)
            )
            found += [row.customer_id for row in page.ownerships]
            token = page.next_page_token
            if not token:
                break
        assert found == [second, first]


class TestEnd:
    async def end(self, garage: Any, ownership_id: str, *moment: int, client: Any = None, **fields: Any) -> Any:
        request = ownerships.EndOwnershipRequest(ownership_id=ownership_id, **{"reason": 1, **fields})
        request.valid_end_time.FromDatetime(garage.at(*moment))
        return await (client or garage.agent).call(f"{O}/EndOwnership", request)

    async def owned(self, garage: Any) -> tuple[str, str, Any]:
        car, person = await garage.make_car(), await garage.make_customer()
        return car.vin, person, await garage.start_ownership(car.vin, person, garage.at(2020, 1, 1))

    async def test_it_ends_without_loss_of_what_was_known_and_says_so(self, garage: Any) -> None:
        vin, person, started = await self.owned(garage)
        before = await garage.owners_at(vin)
        ended = await self.end(garage, started.ownership_id, 2023, 5, 5, reason=2)

        assert (ended.ownership_id, ended.end_reason, ended.customer_id) == (started.ownership_id, 2, person)
        assert ended.valid_end_time.ToDatetime(garage.at(2020, 1, 1).tzinfo) == garage.at(2023, 5, 5)
        assert list((await garage.owners_at(vin)).ownerships) == []
        last = garage.at(2023, 5, 5) - timedelta(microseconds=1)
        assert _who(await garage.owners_at(vin, last)) == [person]
        zone = last.tzinfo
        known = before.known_time.ToDatetime(zone)
        assert _who(await garage.owners_at(vin, before.valid_time.ToDatetime(zone), known)) == [person]
        (event,) = await garage.events("OwnershipEnded", started.ownership_id)
        assert (event.voided, event.aggregate_version, event.end_reason) == (False, 2, 2)
        assert event.valid_end_time == ended.valid_end_time

    @pytest.mark.parametrize(
        ("moment", "fields", "reason"),
        [
            ((2020, 1, 1), {}, "END_BEFORE_START"),
            ((2019, 12, 31), {}, "END_BEFORE_START"),
            ((2199, 1, 1), {}, "INVALID_ARGUMENT"),
            ((2021, 1, 1), {"etag": "v9"}, "ETAG_MISMATCH"),
            ((2021, 1, 1), {"reason": 0}, "INVALID_ARGUMENT"),
            ((2021, 1, 1), {"reason": 77}, "INVALID_ARGUMENT"),
        ],
    )
    async def test_refuses(self, garage: Any, moment: tuple[int, ...], fields: dict[str, Any], reason: str) -> None:
        _, _, started = await self.owned(garage)
        with pytest.raises(RpcFailure) as failure:
            await self.end(garage, started.ownership_id, *moment, **fields)
        assert failure.value.reason == reason
        assert await garage.events("OwnershipEnded", started.ownership_id) == []

    async def test_it_ends_once_though_asked_by_many_and_a_retry_gets_the_first_answer(self, garage: Any) -> None:
        _, _, started = await self.owned(garage)
        answers = await asyncio.gather(
            *(self.end(garage, started.ownership_id, 2023, 1, day) for day in range(1, 6)), return_exceptions=True
        )
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1
        assert {one.reason for one in answers if isinstance(one, RpcFailure)} == {"OWNERSHIP_ALREADY_ENDED"}
        _, _, other = await self.owned(garage)
        twice = [await self.end(garage, other.ownership_id, 2023, 1, 1, request_id="end-once") for _ in range(2)]
        assert twice[0] == twice[1]

    async def test_only_who_has_to_do_with_the_car_may_end_it(self, garage: Any) -> None:
        vin, person, started = await self.owned(garage)
        dealer = await garage.make_dealer()
        stranger = garage.client("dealer.sales", dealers=[dealer])
        for client, code in ((stranger, "NOT_FOUND"), (garage.client("owner", customer=person), "PERMISSION_DENIED")):
            with pytest.raises(RpcFailure) as failure:
                await self.end(garage, started.ownership_id, 2023, 1, 1, client=client)
            assert failure.value.code == code
        await garage.make_order(dealer, vin)
        ended = await self.end(garage, started.ownership_id, 2023, 1, 1, client=stranger)
        assert (ended.customer_id, ended.end_reason) != ("", 0)
