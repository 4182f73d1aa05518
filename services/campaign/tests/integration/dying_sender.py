"""Workers that send and die, or stop, at a step that was chosen (`servicekit.testing.crash.dying`)."""

from __future__ import annotations

import asyncio
import time

from marque_campaign.clients import HttpProvider
from marque_campaign.clients.mail import MailProvider
from marque_campaign.repository import letters, sends
from marque_campaign.service import build
from marque_campaign.settings import Settings
from marque_campaign.usecases.letters import Letters
from marque_campaign.usecases.sending import Sender
from servicekit.errors import Unavailable
from servicekit.permits import ContactPermits
from servicekit.service import make_kit
from servicekit.testing.crash.dying import AFTER, BEFORE, WITHIN, Step, obey

_PROVIDERS = (HttpProvider, MailProvider)
# The way of a message through the worker.
STEPS = {
    "claiming": Step("claim", AFTER, (sends,)),  # its transaction is open
    "claimed": Step("_claim", AFTER, (Sender,)),
    "permit": Step("take", AFTER, (ContactPermits,)),
    "handing": Step("hand", AFTER, (sends,)),  # its transaction is open
    "handed": Step("spend", BEFORE, (ContactPermits,)),
    "spending": Step("spend", WITHIN, (ContactPermits,)),
    "spent": Step("spend", AFTER, (ContactPermits,)),
    "asked": Step("send", WITHIN, _PROVIDERS),
    "answered": Step("send", AFTER, _PROVIDERS),
    "settling": Step("settle_all", AFTER, (sends,)),  # its transaction is open
    "settled": Step("_close", BEFORE, (Sender,)),
    "finished": Step("finish", AFTER, (ContactPermits,)),
    # The way of a letter into its file; it meets the gate as a message does.
    "letter_claiming": Step("claim", AFTER, (letters,)),  # its transaction is open
    "letter_claimed": Step("_claim", AFTER, (Letters,)),
    "letter_beginning": Step("begin", AFTER, (letters,)),  # its transaction is open
    "letter_handed": Step("_hand", AFTER, (Letters,)),
    "letter_writing": Step("write", AFTER, (letters,)),  # its transaction is open
    "letter_written": Step("_commit", AFTER, (Letters,)),
    "file_closing": Step("number", AFTER, (letters,)),  # its transaction is open
    "file_closed": Step("_close", AFTER, (Letters,)),
}
_IDLE = 1.0


async def run() -> None:
    """Sends until it dies, or until nothing was left for a while."""
    settings = Settings()
    kit = make_kit(settings, "campaign")
    await kit.database.start()
    sweeps = build(kit).sweeps
    busy = time.monotonic()
    while time.monotonic() < busy + _IDLE:
        try:
            found = any([await sweeps[name]() for name in ("campaign-sends", "campaign-letters")])
        except Unavailable:  # a neighbour that does not answer in time is waited for, as the loops of a service do
            found = True
            await asyncio.sleep(0.2)
        if found:
            busy = time.monotonic()
        else:
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    obey(STEPS, run)
