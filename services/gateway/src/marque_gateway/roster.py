"""The roster of the gateway, which has no database: it asks network for the records of who calls, and hears when they change.

While the broker is away nothing is heard, and what was asked is believed for `STALE_SECONDS` at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping

import grpc.aio
from marque.network.v1 import staff_events_pb2, staff_service_pb2
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from servicekit import tasks
from servicekit.errors import Unavailable
from servicekit.messaging import envelope
from servicekit.messaging.envelope import BadEnvelope
from servicekit.rpc.tokens import ServiceIdentity
from servicekit.staff import Access, Roster
from servicekit.telemetry import logs

from marque_gateway.upstream import Upstreams

log = logs.get_logger(__name__)

STALE_SECONDS = 30.0
_BEAT_SECONDS = 1.0
_DEADLINE = 2.0
_AWAY_SECONDS = 1.0
_RESOLVE = "/marque.network.v1.StaffService/ResolveStaffAccess"
_CHANGED = "marque.network.v1.StaffChanged"


class GatewayRoster(Roster):
    """Records of staff as network tells them; `changed` is told the keys of subjects whose records changed, None where any may have."""

    def __init__(
        self,
        upstreams: Upstreams,
        identity: ServiceIdentity,
        changed: Callable[[Collection[str] | None], None],
    ) -> None:
        super().__init__(self._ask)
        self._upstreams = upstreams
        self._identity = identity
        self._changed = changed
        self._hearing: asyncio.Task[None] | None = None
        self._away_until = 0.0

    def start(self, broker: Nats) -> None:
        """Begins to hear of changes."""
        self._hearing = asyncio.create_task(self._hear(broker))

    async def stop(self) -> None:
        """Ends the hearing."""
        if self._hearing is not None:
            await tasks.end([self._hearing])

    async def _ask(self, keys: Collection[str]) -> Mapping[str, Access]:
        if not self._upstreams.knows("network"):
            return {}  # an installation without staff: tokens are as they are
        if time.monotonic() < self._away_until:  # asked just now: nobody else waits for the same silence
            raise Unavailable(dependency="The network service", retry_after=1)
        request = staff_service_pb2.ResolveStaffAccessRequest(subject_keys=list(keys))
        metadata = [("authorization", f"Bearer {await self._identity.token()}")]
        try:
            answer = await self._upstreams.call(
                _RESOLVE,
                request,
                metadata,
                deserialize=staff_service_pb2.ResolveStaffAccessResponse.FromString,
                deadline=_DEADLINE,
            )
        except grpc.aio.AioRpcError:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise Unavailable(dependency="The network service", retry_after=1) from None
        return {found.subject_key: _access(found) for found in answer.access}

    async def _hear(self, broker: Nats) -> None:
        """Hears changes from now on. What was said while nobody heard is not known, so everything is asked anew then."""
        while True:
            beating: asyncio.Task[None] | None = None
            try:
                found = await broker.jetstream().subscribe(
                    _CHANGED,
                    stream=envelope.stream("network"),
                    ordered_consumer=True,
                    config=ConsumerConfig(deliver_policy=DeliverPolicy.NEW),
                )
                self._news(None)
                beating = asyncio.create_task(self._beat(broker))
                async for message in found.messages:
                    self._take(message)
            except NotFoundError:
                log.info("no staff is known to the broker yet")  # network was never migrated here
            except Exception as error:
                log.warning("news of staff wait for the broker", extra={"error_type": type(error).__name__})
            finally:
                if beating is not None:
                    beating.cancel()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _beat(self, broker: Nats) -> None:
        """While the broker is there, that nothing was heard is news too."""
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            if broker.is_connected:
                self.heard((), since=time.monotonic(), good_for=STALE_SECONDS)

    def _take(self, message: Msg) -> None:
        try:
            data = envelope.read(message.headers, message.data).data
        except BadEnvelope:
            return
        assert isinstance(data, staff_events_pb2.StaffChanged)
        self._news([data.subject_key, *data.former_subject_keys])

    def _news(self, keys: Collection[str] | None) -> None:
        self.heard(keys, since=time.monotonic(), good_for=STALE_SECONDS)
        self._changed(keys)


def _access(found: staff_service_pb2.StaffAccess) -> Access:
    return Access(
        staff_id=found.staff_id,
        status=found.status,
        roles=frozenset(found.roles),
        dealer_id=found.dealer_id,
        region=found.region_code,
        group=found.group_code,
    )
