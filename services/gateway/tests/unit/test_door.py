"""The HTTP door from files: another certificate is shown once they change, and what is being answered is answered to its end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from cryptography import x509
from devstack.ports import free_port
from marque_gateway.door import HttpDoor
from servicekit.rpc.tls import CertificateUnusable
from servicekit.testing.certificates import Authority, replace
from servicekit.testing.platform import until


class Place:
    """A door before an application whose answers wait until they are let go."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.asked, self.let_go = asyncio.Semaphore(0), asyncio.Event()
        self.authority = Authority()
        self.first = self.authority.issue(folder)
        self.door = HttpDoor(self._answer, "127.0.0.1", self.port, folder / "tls.crt", folder / "tls.key")

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-scheme", scope["scheme"].encode())]})
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        if scope["path"] == "/slow":
            self.asked.release()
            await self.let_go.wait()
        await send({"type": "http.response.body", "body": b"last"})

    def client(self) -> httpx.AsyncClient:
        trusted = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        return httpx.AsyncClient(base_url=f"https://127.0.0.1:{self.port}", verify=trusted, timeout=60, trust_env=False)

    async def shown(self) -> int | None:
        """The serial number of the certificate in a new handshake, None while nobody listens."""
        try:
            pem = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", self.port), timeout=10)
        except OSError:
            return None
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    async def shows(self, serial: int) -> None:
        """Returns when several handshakes in a row show it: the worker before listens no more."""

        async def always() -> bool:
            return {await self.shown() for _ in range(8)} == {serial}

        await until(always, 30, "the certificate is not shown")


@pytest_asyncio.fixture(loop_scope="session")
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    serving = asyncio.create_task(made.door.serve())
    await made.shows(made.first)
    yield made
    made.let_go.set()
    made.door.stop()
    await asyncio.wait_for(serving, 30)


class TestHttpDoor:
    async def test_a_renewed_certificate_is_shown_and_what_is_under_way_is_answered_to_its_end(
        self, place: Place
    ) -> None:
        async with place.client() as http:
            slow = asyncio.create_task(http.get("/slow"))
            await place.asked.acquire()
            second = place.authority.issue(place.folder)
            await place.shows(second)
            assert not slow.done()
            assert (await http.get("/")).text == "first last"
            place.let_go.set()
            answer = await slow
            assert (answer.text, answer.headers["x-scheme"]) == ("first last", "https")

    async def test_half_a_change_is_waited_out_with_what_was_before(self, place: Place) -> None:
        other = Authority().issue(place.folder / "other")
        replace(place.folder / "tls.key", (place.folder / "other" / "tls.key").read_bytes())
        await asyncio.sleep(1.5)
        assert await place.shown() == place.first
        replace(place.folder / "tls.crt", (place.folder / "other" / "tls.crt").read_bytes())
        await place.shows(other)

    async def test_nothing_unencrypted_is_answered(self, place: Place) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(f"http://127.0.0.1:{place.port}/")

    def test_one_file_without_the_other_is_refused(self, tmp_path: Path) -> None:
        Authority().issue(tmp_path)
        with pytest.raises(CertificateUnusable, match="go together"):
            HttpDoor(None, "127.0.0.1", 1, tmp_path / "tls.crt", None)
