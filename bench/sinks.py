"""Where messages go in a bench: a mail server and an HTTP provider that take all and keep nothing, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from devstack.ports import free_port

BITS = 2048  # of the key by which mails are signed


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where they listen, the secret of the HTTP provider, and the key by which mails are signed."""

    smtp_port: int
    url: str
    secret_file: Path
    key_file: Path


@contextmanager
def sinks() -> Iterator[Sinks]:
    """Starts both, and ends them."""
    with tempfile.TemporaryDirectory(prefix="marque-sinks-") as name:
        folder, key = Path(name), rsa.generate_private_key(65537, BITS)
        key_file, secret_file = folder / "dkim.pem", folder / "secret"
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        secret_file.write_bytes(os.urandom(32).hex().encode())
        smtp_port, http_port = free_port(), free_port()
        running = [
            _start("bench.smtp_sink", str(smtp_port)),
            _start("bench.http_sink", str(http_port), str(secret_file)),
        ]
        try:
            for one in running:
                assert one.stdout is not None
                one.stdout.readline()
            yield Sinks(smtp_port, f"http://127.0.0.1:{http_port}/messages", secret_file, key_file)
        finally:
            for one in running:
                one.terminate()
                one.wait()


def _start(*argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
