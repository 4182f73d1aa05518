"""Campaign messages made and handed over by one process alone, to sinks that take everything; the CPU is that of the sending process.

Beside each hand-over stands a plain sender of as many bytes, which signs nothing, to the same sink in the same run.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiosmtplib
import httpx
from marque_campaign.clients import Outgoing, Provider, http_provider
from marque_campaign.clients.mail import MailProvider
from marque_campaign.rules.templates import Message
from servicekit.mail.letters import Letter, compose
from servicekit.mail.settings import MailSettings
from servicekit.mail.signing import Signer

from bench import cpu
from bench.report import Figure, Target
from bench.sinks import BITS, Sinks, sinks

SENDS, WRITTEN, AT_ONCE = (1_000, 10_000), 2_000, 16  # quick, full
SENDER = "news@marque.example"
_TEXT = "Dear 王小明, your car has been with us for a year.\n" * 12
_HTML = f"<html><body>{'<p>Dear 王小明, your car has been with us for a year.</p>' * 12}</body></html>"
_SHORT = "Dear 王小明, your car has been with us for a year. Reply STOP to end this."
_MAIL, _SMS = Message("zh-CN", "一年了", _TEXT, _HTML), Message("zh-CN", "", _SHORT)

Send = Callable[[], Awaitable[object]]


async def sends(quick: bool) -> list[Figure]:
    """Measures the parts of a mail that cost, and the hand-over by each channel."""
    with sinks() as places:
        letter = Letter(
            SENDER, "wang@example.com", "一年了", _TEXT, "a@marque.example", _HTML, "https://m.example/p/x/stop"
        )
        signer, mail = Signer(places.key_file.read_bytes(), "s", "marque.example"), compose(letter)
        return [
            Figure("sends", "mails composed", _rate(lambda: compose(letter)), "mails/CPU-s"),
            Figure("sends", f"mails signed, RSA {BITS}", _rate(lambda: signer.sign(mail)), "mails/CPU-s"),
            *await mails("sends", quick, places),
            *await texts("sends", quick, places),
        ]


def _rate(work: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(WRITTEN):
        work()
    return WRITTEN / (time.process_time() - began)


async def mails(bench: str, quick: bool, places: Sinks) -> list[Figure]:
    """Mails composed, signed and handed to a mail server."""
    settings = MailSettings(
        smtp_host="127.0.0.1",
        smtp_port=places.smtp_port,
        smtp_connections=AT_ONCE,
        mail_sender=SENDER,
        dkim_key_file=places.key_file,
    )
    async with _plain_mails(places.smtp_port) as plain:
        return await _handed(bench, quick, "SMTP", MailProvider(settings), _mail, plain)


async def texts(bench: str, quick: bool, places: Sinks) -> list[Figure]:
    """Short messages signed and posted to a provider."""
    provider = http_provider(places.url, places.secret_file, repeatable=True)
    async with _plain_posts(places.url) as plain:
        return await _handed(bench, quick, "HTTP", provider, _text, plain)


def _mail() -> Outgoing:
    return Outgoing(str(uuid.uuid4()), "EMAIL", f"{uuid.uuid4().hex}@example.com", _MAIL)


def _text() -> Outgoing:
    return Outgoing(str(uuid.uuid4()), "SMS", "+8613800000000", _SMS)


async def _handed(
    bench: str, quick: bool, way: str, provider: Provider, make: Callable[[], Outgoing], plain: Send
) -> list[Figure]:
    """Both senders, warm, one after the other."""
    count = SENDS[0] if quick else SENDS[1]

    async def ours() -> None:
        await provider.send(make())

    await _spent(count // 10, ours)
    before = cpu.resident(os.getpid())
    used, wall = await _spent(count, ours)
    grown = max(0, cpu.resident(os.getpid()) - before)
    await provider.close()
    await _spent(count // 10, plain)
    bare, _ = await _spent(count, plain)
    note = f"{count:,}, {AT_ONCE} at once; {count / wall:,.0f} a second beside the sink on the same cores"
    return [
        Figure(
            bench, f"handed over by {way}", count / used, "sends/CPU-s", count / bare, "a plain sender",
            Target("ours", "at least", 1000), note,
        ),
        Figure(bench, f"memory grown by {way}", grown / 2**20, "MB", target=Target("ours", "at most", 20)),
    ]  # fmt: skip


async def _spent(count: int, send: Send) -> tuple[float, float]:
    """Sends so many, some at once; returns the CPU seconds of this process and those of the wall."""
    left = iter(range(count))

    async def some() -> None:
        for _ in left:
            await send()

    began, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return time.process_time() - began, time.perf_counter() - wall


@asynccontextmanager
async def _plain_mails(port: int) -> AsyncIterator[Send]:
    """A mail that was written before, sent by the SMTP library as it comes, over connections that are kept."""
    mail = compose(Letter(SENDER, "wang@example.com", "一年了", _TEXT, "a@marque.example", _HTML))
    free: asyncio.Queue[aiosmtplib.SMTP] = asyncio.Queue()
    for _ in range(AT_ONCE):
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port)
        await client.connect()
        free.put_nowait(client)

    async def send() -> None:
        client = await free.get()
        await client.sendmail(SENDER, "wang@example.com", mail)
        free.put_nowait(client)

    yield send
    while not free.empty():
        free.get_nowait().close()


@asynccontextmanager
async def _plain_posts(url: str) -> AsyncIterator[Send]:
    """As many bytes posted by the HTTP library as it comes, over connections that are kept; refused for they are not signed."""
    body = b'{"text":"%s"}' % (_SHORT.encode() + b"." * 120)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=AT_ONCE)) as client:
        yield lambda: client.post(url, content=body, headers={"content-type": "application/json"})
