"""What a database that was put back to a moment must do before its service is opened: forget again whom the platform erased since.

The customer service has its own way (`replay-rights`), which withdraws as well. Every other one reads the customer service's stream, by
ids, and erases in its own database as it did then; done twice it changes nothing.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime

from marque.type.v1 import personal_data_pb2

from servicekit.messaging.history import events_since
from servicekit.messaging.inbox import SYSTEM
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.call import Call
from servicekit.service import Build, connect_nats, make_kit
from servicekit.settings import ServiceSettings

COMMAND = "replay-erasures"
OWNER, ERASED = "customer", "marque.customer.v1.CustomerErased"


async def replay_erasures(build: Build, settings: ServiceSettings, name: str, since: datetime) -> Counter[str]:
    """Erases again whom the customer service said to be erased since a moment. Returns how many were, of how many something was `erased`
    and of how many something is `kept` (a legal hold, a term of the law).

    Run it with the broker's user of the migrate step, before any other process of the service is started. Raises LookupError for a service
    that holds no personal data, and what the broker and the database raise.
    """
    kit = make_kit(settings, name, command_timeout=None)
    service = build(kit)
    api = next((one for one in service.servicers if isinstance(one, PersonalDataApi)), None)
    if api is None:
        raise LookupError(f"{name} holds no personal data")
    told: Counter[str] = Counter(people=0)
    broker = await connect_nats(settings.nats_url, name, settings.broker_access)
    await kit.database.start()
    try:
        async for event in events_since(broker, OWNER, (ERASED,), since):
            answer = await _erase(api, event.data.customer_id, uuid.UUID(event.data.erasure_id))
            told["people"] += 1
            told["erased"] += bool(answer.erased_counts)
            told["kept"] += bool(answer.retained)
    finally:
        await kit.database.stop()
        for part in (*service.closing, kit.verifier):
            await part.close()
        await broker.close()
    return told


async def _erase(
    api: PersonalDataApi, customer_id: str, erasure_id: uuid.UUID
) -> personal_data_pb2.ErasePersonalDataResponse:
    """An id of its own: under the erasure's the restored state may hold the answer that was given before more was written."""
    again = str(uuid.uuid5(erasure_id, COMMAND))
    request = personal_data_pb2.ErasePersonalDataRequest(customer_id=customer_id, erasure_id=again)
    return await api.ErasePersonalData(request, Call(SYSTEM, COMMAND))


async def run(build: Build, settings: ServiceSettings, name: str, moment: str) -> None:
    """The command: `moment` in ISO 8601, in UTC where it names no zone. Says what was done as a line of JSON. Raises ValueError."""
    since = datetime.fromisoformat(moment)
    told = await replay_erasures(build, settings, name, since if since.tzinfo else since.replace(tzinfo=UTC))
    sys.stdout.write(json.dumps({"step": "done", **told}) + "\n")
