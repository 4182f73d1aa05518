"""Encryption between processes, from files that change under way: certificates are rotated without a call being dropped.

A server shows a new certificate from the next handshake on; connections that stand keep theirs until they end by their age. A client that
is given other authorities dials anew and lets calls under way end on the old channel.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from servicekit.telemetry import logs

log = logs.get_logger(__name__)

_LOOK_SECONDS = 1.0
_GRACE_SECONDS = 60.0
_Stamp = tuple[int, int, int]


class CertificateUnusable(ValueError):
    """A certificate and its key cannot be used; the message names the files and nothing of the key."""


class ServerCertificate:
    """A certificate with its key, in PEM files. Half a change (one file new, the other old) is waited out with what was before.

    Raises CertificateUnusable where the files cannot be used at the start.
    """

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self._files = (cert_file, key_file)
        self._stamp = _stamp_of(*self._files)
        self._shown = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """Returns what a gRPC server listens with."""
        return grpc.dynamic_ssl_server_credentials(self._shown, self.present, require_client_authentication=False)

    def present(self) -> grpc.ServerCertificateConfiguration:
        """Returns what is shown in the next handshake."""
        self.look()
        return self._shown

    def look(self) -> bool:
        """Reads the files again where they changed; tells whether another certificate is shown from now on."""
        try:
            stamp = _stamp_of(*self._files)
            if stamp == self._stamp:
                return False
            self._shown, self._stamp = self._read(), stamp
        except (OSError, CertificateUnusable) as error:
            log.warning("a certificate cannot be used yet", extra={"error_type": type(error).__name__})
            return False
        log.info("certificate rotated")
        return True

    def _read(self) -> grpc.ServerCertificateConfiguration:
        cert, key = (file.read_bytes() for file in self._files)
        try:
            (first, *_) = x509.load_pem_x509_certificates(cert)
            own = load_pem_private_key(key, None).public_key()
        except (ValueError, TypeError) as error:
            raise CertificateUnusable(
                f"{self._files[0]} or {self._files[1]} holds no PEM ({type(error).__name__})"
            ) from None
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if first.public_key().public_bytes(*form) != own.public_bytes(*form):
            raise CertificateUnusable(f"{self._files[1]} is not the key of {self._files[0]}")
        return grpc.ssl_server_certificate_configuration([(key, cert)])


class Dialling:
    """A channel to an address: plain, or, with a file of authorities, encrypted and only to who proves that name."""

    def __init__(self, address: str, ca_file: Path | None, options: Sequence[tuple[str, Any]]) -> None:
        self._address = address
        self._ca_file = ca_file
        self._options = list(options)
        self._authorities = ca_file.read_bytes() if ca_file is not None else b""
        self._looked = time.monotonic()
        self._stamp = _stamp_of(ca_file) if ca_file is not None else ()
        self._channel = self._dial()
        self._leaving: set[asyncio.Task[None]] = set()

    def channel(self) -> grpc.aio.Channel:
        """Returns the channel to call on now; another one than before once other authorities are trusted."""
        if self._ca_file is not None and time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._look(self._ca_file)
        return self._channel

    async def close(self) -> None:
        """Closes the channel and those that calls are still ending on."""
        for task in self._leaving:
            task.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._channel.close()

    def _dial(self) -> grpc.aio.Channel:
        if self._ca_file is None:
            return grpc.aio.insecure_channel(self._address, options=self._options)
        credentials = grpc.ssl_channel_credentials(root_certificates=self._authorities)
        return grpc.aio.secure_channel(self._address, credentials, options=self._options)

    def _look(self, ca_file: Path) -> None:
        self._looked = time.monotonic()
        try:
            stamp = _stamp_of(ca_file)
            if stamp == self._stamp:
                return
            found = ca_file.read_bytes()
            x509.load_pem_x509_certificates(found)
        except (OSError, ValueError) as error:
            log.warning("authorities cannot be read yet", extra={"error_type": type(error).__name__})
            return
        self._stamp = stamp
        if found != self._authorities:
            self._authorities, old = found, self._channel
            self._channel = self._dial()
            task = asyncio.create_task(old.close(_GRACE_SECONDS), name="leaving-channel")
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


def listen(server: grpc.aio.Server, address: str, certificate: ServerCertificate | None) -> int:
    """Has a server listen, encrypted where there is a certificate; returns the port. Raises OSError where it cannot."""
    try:
        if certificate is None:
            return int(server.add_insecure_port(address))
        return int(server.add_secure_port(address, certificate.credentials()))
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}") from error


def certificate_of(cert_file: Path | None, key_file: Path | None) -> ServerCertificate | None:
    """Returns the certificate of a process, None where it listens plainly. Raises CertificateUnusable for one file without the other."""
    if cert_file is None and key_file is None:
        return None
    if cert_file is None or key_file is None:
        raise CertificateUnusable("MARQUE_TLS_CERT_FILE and MARQUE_TLS_KEY_FILE go together")
    return ServerCertificate(cert_file, key_file)


def _stamp_of(*files: Path) -> tuple[_Stamp, ...]:
    found = (os.stat(file) for file in files)
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)
