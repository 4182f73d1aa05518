"""Messages of one batch as one piece of the NATS protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub).

The client's own `publish` checks and writes each header by itself; for a batch of events that is most of what a relay does.
"""

from __future__ import annotations

from collections.abc import Mapping

from nats.aio.client import Client

_LINES = str.maketrans({"\r": " ", "\n": " "})  # a value may not begin a header of its own


def frame(subject: str, headers: Mapping[str, str], payload: bytes) -> bytes:
    """Returns a message without a reply subject, as the client sends it. Names of headers and the subject are our own words."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not lines.count("\r") == lines.count("\n") == len(headers):  # hardly ever: a value of several lines
        lines = "".join([f"{name}: {value.translate(_LINES)}\r\n" for name, value in headers.items()])
    head = f"NATS/1.0\r\n{lines}\r\n".encode()
    size = len(head)
    return b"HPUB %s  %d %d\r\n%s%s\r\n" % (subject.encode(), size, size + len(payload), head, payload)


async def send(client: Client, frames: list[bytes]) -> None:
    """Puts messages into the client's buffer, before what is published next."""
    await client._send_command(b"".join(frames))  # the client has no public way to send what is encoded already
