"""Certificates as cert-manager would write them: an authority of a test, and files that change as the kubelet changes them."""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = "127.0.0.1"


class Authority:
    """One that signs certificates."""

    def __init__(self, name: str = "test authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = _builder(self._name, self._name, self._key.public_key())
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = built.sign(self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The certificate that others trust."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, folder: Path, *, host: str = LOOPBACK) -> int:
        """Writes tls.crt, tls.key and ca.crt into a folder, each as a whole; returns the serial number of the certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "service")])
        built = _builder(subject, self._name, key.public_key())
        built = built.add_extension(x509.SubjectAlternativeName([_name_of(host)]), critical=False)
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        made = built.sign(self._key, hashes.SHA256())
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / "tls.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        replace(folder / "tls.crt", made.public_bytes(Encoding.PEM))
        replace(folder / "ca.crt", self.pem)
        return made.serial_number


def replace(path: Path, content: bytes) -> None:
    """Puts a file in the place of another in one step."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.chmod(0o600)
    os.replace(fresh, path)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    present = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(present - timedelta(minutes=5))
        .not_valid_after(present + timedelta(days=1))
    )


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
