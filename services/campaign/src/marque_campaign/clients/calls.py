"""Messages by telephone: each is a task of the customer service, for whoever calls."""

from __future__ import annotations

from datetime import timedelta

import grpc
import grpc.aio
from marque.customer.v1 import task_pb2, task_service_pb2
from servicekit.db.base import now
from servicekit.errors import Unavailable
from servicekit.rpc.client import Peer

from marque_campaign.clients import Outgoing, Rejected, Silent

_CREATE = "/marque.customer.v1.TaskService/CreateTask"
_NEVER = frozenset(
    {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION}
)  # the person is gone, or the task is not one


class CallTasks:
    """Hands a call over by making its task; the line of the ledger makes one, however often it is asked for."""

    repeatable = True

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def close(self) -> None:
        """Closes the channel."""
        await self._peer.close()

    async def send(self, outgoing: Outgoing) -> None:
        """Makes the task. Raises Rejected, Silent, and what `outgoing.begin` raises, before anything left."""
        order = outgoing.call
        assert order is not None, "a line of the channel PHONE"
        call = task_pb2.CampaignCall(
            send_id=outgoing.send_id,
            campaign_id=order.campaign_id,
            purpose=order.purpose,  # type: ignore[arg-type]
            script=outgoing.message.text,
        )
        task = task_pb2.Task(
            kind=task_pb2.TASK_KIND_CAMPAIGN_CALL,
            title=order.title,
            customer_id=order.customer_id,
            dealer_id=order.dealer_id,
            campaign_call=call,
        )
        task.due_time.FromDatetime(now() + timedelta(days=order.days))
        outgoing.begin()
        try:
            await self._peer.call(_CREATE, task_service_pb2.CreateTaskRequest(task=task))
        except Unavailable:
            raise Silent("UNAVAILABLE") from None
        except grpc.aio.AioRpcError as error:
            if error.code() in _NEVER:
                raise Rejected(f"TASK_{error.code().name}") from None
            raise Silent(error.code().name) from None
