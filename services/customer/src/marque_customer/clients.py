"""Calls to other services. None is made while a transaction holds anything."""

from __future__ import annotations

from collections.abc import Iterable

from marque.vehicle.v1 import vehicle_service_pb2
from servicekit.rpc.client import Peer

_BATCH = "/marque.vehicle.v1.VehicleService/BatchGetVehicles"


class Vehicles:
    """What the vehicle service is asked."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        await self._peer.close()

    async def plates(self, vins: Iterable[str]) -> dict[str, str]:
        """Returns the plates of at most 1,000 cars by VIN, empty where a car has none; unknown cars are absent.

        Raises:
            Unavailable: the vehicle service does not answer.
        """
        request = vehicle_service_pb2.BatchGetVehiclesRequest(vins=sorted(vins))
        answer: vehicle_service_pb2.BatchGetVehiclesResponse = await self._peer.call(_BATCH, request)
        return {vehicle.vin: vehicle.plate_number for vehicle in answer.vehicles}
