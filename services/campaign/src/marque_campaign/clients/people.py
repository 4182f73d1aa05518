"""Whom rows of a file mean: asked of those who know people and cars, some hundreds at once, before a transaction holds anything."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from marque.customer.v1 import customer_look_up_pb2, customer_pb2, customer_service_pb2
from marque.vehicle.v1 import ownership_service_pb2
from servicekit.errors import Unavailable
from servicekit.rpc.client import Peer

from marque_campaign.rules.listing import CUSTOMER, EMAIL, PHONE, SOURCE_KEY, VIN, Found, Name

_BATCH = "/marque.customer.v1.CustomerService/BatchGetCustomers"
_MATCH = "/marque.customer.v1.CustomerService/MatchContactPoints"
_HOLDERS = "/marque.vehicle.v1.OwnershipService/BatchGetHolders"
_AT_ONCE = 1000
_NOBODY = Found({})


class People:
    """The customer and the vehicle service. Without an address every question to one is answered by Unavailable."""

    def __init__(self, customer: Peer | None, vehicle: Peer | None) -> None:
        self._customer = customer
        self._vehicle = vehicle

    async def close(self) -> None:
        """Closes the channels."""
        for peer in (self._customer, self._vehicle):
            if peer is not None:
                await peer.close()

    async def named(self, names: Iterable[Name], source: str, dealer: uuid.UUID | None) -> dict[Name, Found]:
        """Returns who is meant by at most 1,000 names: nobody erased, of merged people who they are now. For a dealer only those who have
        to do with it are there, for None everybody. `source` is the system whose keys are meant. Raises Unavailable.
        """
        dealers = [str(dealer)] if dealer is not None else []
        texts = {field: sorted({name.text for name in names if name.field == field}) for field in _FIELDS}
        found = await self._by_contact(texts[PHONE], texts[EMAIL], dealers)
        held = await self._holders(texts[VIN])
        ids = {*texts[CUSTOMER], *(one for people in held.values() for one in people)}
        known, keys = await self._known(sorted(ids), source, texts[SOURCE_KEY], dealers)
        for one in texts[CUSTOMER]:
            found[Name(CUSTOMER, one)] = _meant([one], known)
        for vin, people in held.items():
            found[Name(VIN, vin)] = _meant(people, known)
        for key, one in keys.items():
            found[Name(SOURCE_KEY, key)] = _meant([one], {one: one})
        return {name: found.get(name, _NOBODY) for name in names}

    async def _by_contact(self, phones: list[str], emails: list[str], dealers: list[str]) -> dict[Name, Found]:
        if not phones and not emails:
            return {}
        request = customer_look_up_pb2.MatchContactPointsRequest(phones=phones, emails=emails, dealer_ids=dealers)
        answer: customer_look_up_pb2.MatchContactPointsResponse = await self._ask(
            self._customer, "customer", _MATCH, request
        )
        asked = [*(Name(PHONE, text) for text in phones), *(Name(EMAIL, text) for text in emails)]
        told = [*answer.phones, *answer.emails]
        return {
            name: Found(_meant(one.customer_ids, {key: key for key in one.customer_ids}).people, one.malformed)
            for name, one in zip(asked, told, strict=True)
        }

    async def _holders(self, vins: list[str]) -> dict[str, Sequence[str]]:
        if not vins:
            return {}
        request = ownership_service_pb2.BatchGetHoldersRequest(vins=vins)
        answer: ownership_service_pb2.BatchGetHoldersResponse = await self._ask(
            self._vehicle, "vehicle", _HOLDERS, request
        )
        return {one.vin: one.customer_ids for one in answer.holders}

    async def _known(
        self, ids: list[str], source: str, keys: list[str], dealers: list[str]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Returns who some ids are now, and by the keys of a source who has them."""
        known: dict[str, str] = {}
        by_key: dict[str, str] = {}
        parts = [(ids[start : start + _AT_ONCE], ()) for start in range(0, len(ids), _AT_ONCE)]
        for part, named in [*parts, ((), keys)]:
            if not part and not named:
                continue
            request = customer_service_pb2.BatchGetCustomersRequest(
                customer_ids=part,
                source_references=[customer_pb2.SourceReference(source=source, source_key=key) for key in named],
                dealer_ids=dealers,
            )
            answer: customer_service_pb2.BatchGetCustomersResponse = await self._ask(
                self._customer, "customer", _BATCH, request
            )
            gone, survivors = set(answer.missing_customer_ids), answer.surviving_customer_ids
            known |= {one: survivors.get(one, one) for one in part if one not in gone}
            by_key |= {match.source_key: match.customer_id for match in answer.source_matches}
        return known, by_key

    async def _ask(self, peer: Peer | None, name: str, path: str, request: Any) -> Any:
        if peer is None:
            raise Unavailable(dependency=f"The {name} service", retry_after=1)
        return await peer.call(path, request)


_FIELDS = (CUSTOMER, SOURCE_KEY, VIN, PHONE, EMAIL)


def _meant(ids: Iterable[str], known: dict[str, str]) -> Found:
    return Found({uuid.UUID(one): uuid.UUID(known[one]) for one in ids if one in known})
