"""Campaign mails: composed, signed and handed to a mail server that takes everything; the CPU is that of the sending process alone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from devstack.ports import free_port
from marque_campaign.clients import Outgoing
from marque_campaign.clients.mail import MailProvider
from marque_campaign.rules.templates import Message
from servicekit.mail.letters import Letter, compose
from servicekit.mail.settings import MailSettings
from servicekit.mail.signing import Signer

from bench import cpu
from bench.report import Figure, Target

MAILS, WRITTEN, AT_ONCE, BITS = (1_000, 10_000), 2_000, 16, 2048  # quick, full
_TEXT = "Dear 王小明, your car has been with us for a year.\n" * 12
_HTML = f"<html><body>{'<p>Dear 王小明, your car has been with us for a year.</p>' * 12}</body></html>"


async def sends(quick: bool) -> list[Figure]:
    """Measures the parts of a mail that cost, and the whole to a real server."""
    key = rsa.generate_private_key(65537, BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    letter = Letter(
        "news@marque.example",
        "wang@example.com",
        "一年了",
        _TEXT,
        "a@marque.example",
        _HTML,
        "https://m.example/p/x/stop",
    )
    signer, mail = Signer(pem, "s", "marque.example"), compose(letter)
    written, signed = _rate(lambda: compose(letter)), _rate(lambda: signer.sign(mail))
    count = MAILS[0] if quick else MAILS[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dkim.pem"
        file.write_bytes(pem)
        whole, wall, grown = await _handed(count, file)
    note = f"{count:,} mails of {len(mail):,} bytes, {AT_ONCE} at once; {wall:,.0f} a second beside the server on the same cores"
    return [
        Figure("sends", "mails composed", written, "mails/CPU-s"),
        Figure("sends", f"mails signed, RSA {BITS}", signed, "mails/CPU-s"),
        Figure(
            "sends",
            "mails handed over by SMTP",
            whole,
            "mails/CPU-s",
            target=Target("ours", "at least", 1000),
            note=note,
        ),
        Figure("sends", "memory grown meanwhile", grown / 2**20, "MB", target=Target("ours", "at most", 20)),
    ]


def _rate(work: Callable[[], object]) -> float:
    began = time.process_time()
    for _ in range(WRITTEN):
        work()
    return WRITTEN / (time.process_time() - began)


async def _handed(count: int, key_file: Path) -> tuple[float, float, int]:
    """Hands mails to a sink: how many for a CPU second, how many a second, and by how many bytes the process grew."""
    port = free_port()
    sink = _sink(port)
    assert sink.stdout is not None
    await asyncio.to_thread(sink.stdout.readline)
    settings = MailSettings(
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_connections=AT_ONCE,
        mail_sender="news@marque.example",
        dkim_key_file=key_file,
    )
    provider = MailProvider(settings)
    try:
        await _send(provider, count // 10)
        before, began, wall = cpu.resident(os.getpid()), time.process_time(), time.perf_counter()
        await _send(provider, count)
        used, taken = time.process_time() - began, time.perf_counter() - wall
        return count / used, count / taken, max(0, cpu.resident(os.getpid()) - before)
    finally:
        await provider.close()
        sink.terminate()
        sink.wait()


def _sink(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.smtp_sink", str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def _send(provider: MailProvider, count: int) -> None:
    left = iter(range(count))
    message = Message("zh-CN", "一年了", _TEXT, _HTML)

    async def one() -> None:
        for number in left:
            await provider.send(Outgoing(str(uuid.uuid4()), "EMAIL", f"{number}@example.com", message))

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
