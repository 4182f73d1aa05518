"""Encryption from files: certificates and authorities change while calls are under way, and none is dropped."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from cryptography import x509
from servicekit.rpc import tls
from servicekit.rpc.tls import CertificateUnusable, Dialling, ServerCertificate, certificate_of, listen
from servicekit.testing.certificates import Authority, replace

METHOD = "/test.Echo/Say"


@pytest.fixture
def authority() -> Authority:
    return Authority()


class Echo:
    """A server that answers with what it was sent, the slow words once they are let go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slow, self.let_go = asyncio.Event(), asyncio.Event()
        self._server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(self._say)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Say": handler}),))
        self.port = listen(self._server, "127.0.0.1:0", ServerCertificate(folder / "tls.crt", folder / "tls.key"))

    async def _say(self, request: bytes, context: Any) -> bytes:
        if request == b"slow":
            self.slow.set()
            await self.let_go.wait()
        return request

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(0)

    async def shown(self) -> int:
        """The serial number of the certificate in a new handshake."""

        def look() -> int:
            pem = ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10)
            return x509.load_pem_x509_certificate(pem.encode()).serial_number

        return await asyncio.to_thread(look)

    def dial(self, ca_file: Path | None = None) -> Dialling:
        address = f"127.0.0.1:{self.port}"
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50)]
        return Dialling(address, ca_file or self.folder / "ca.crt", options)


@pytest_asyncio.fixture(loop_scope="session")
async def echo(tmp_path: Path, authority: Authority) -> AsyncIterator[Echo]:
    authority.issue(tmp_path)
    made = Echo(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def say(dialling: Dialling, word: bytes = b"word", **options: Any) -> bytes:
    answer: bytes = await dialling.channel().unary_unary(METHOD)(word, timeout=options.pop("timeout", 20), **options)
    return answer


class TestServerCertificate:
    async def test_a_new_certificate_is_shown_and_the_call_under_way_ends_well(
        self, echo: Echo, authority: Authority
    ) -> None:
        dialling = echo.dial()
        under_way = asyncio.create_task(say(dialling, b"slow"))
        await asyncio.wait_for(echo.slow.wait(), 20)
        first = await echo.shown()

        second = authority.issue(echo.folder)

        assert await echo.shown() == second != first
        echo.let_go.set()
        assert await under_way == b"slow"
        assert await say(dialling) == b"word"
        await dialling.close()

    async def test_half_a_change_shows_what_was_before(self, echo: Echo, authority: Authority, tmp_path: Path) -> None:
        before = await echo.shown()
        beside = tmp_path / "beside"
        after = authority.issue(beside)

        replace(echo.folder / "tls.crt", (beside / "tls.crt").read_bytes())
        assert await echo.shown() == before
        replace(echo.folder / "tls.key", (beside / "tls.key").read_bytes())
        assert await echo.shown() == after

    @pytest.mark.parametrize("damage", [b"", b"no certificate", None])
    async def test_a_damaged_file_shows_what_was_before(self, echo: Echo, damage: bytes | None) -> None:
        before = await echo.shown()
        if damage is None:
            (echo.folder / "tls.crt").unlink()
        else:
            replace(echo.folder / "tls.crt", damage)
        assert await echo.shown() == before

    def test_files_that_do_not_belong_together_are_refused_at_the_start(
        self, tmp_path: Path, authority: Authority
    ) -> None:
        authority.issue(tmp_path / "one")
        authority.issue(tmp_path / "two")
        with pytest.raises(CertificateUnusable, match="is not the key of"):
            ServerCertificate(tmp_path / "one" / "tls.crt", tmp_path / "two" / "tls.key")
        with pytest.raises(CertificateUnusable, match="holds no PEM"):
            ServerCertificate(tmp_path / "one" / "tls.key", tmp_path / "one" / "tls.key")
        with pytest.raises(CertificateUnusable, match="go together"):
            certificate_of(tmp_path / "one" / "tls.crt", None)
        assert certificate_of(None, None) is None


class TestDialling:
    async def test_only_who_proves_its_name_by_a_trusted_authority_is_spoken_to(
        self, echo: Echo, tmp_path: Path
    ) -> None:
        stranger = tmp_path / "stranger.crt"
        stranger.write_bytes(Authority("stranger").pem)
        dialling = echo.dial(stranger)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await say(dialling)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        await dialling.close()

    async def test_a_certificate_of_another_name_is_refused(self, echo: Echo, authority: Authority) -> None:
        authority.issue(echo.folder, host="marque-customer.crm.svc")
        dialling = echo.dial()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await say(dialling)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        await dialling.close()

    async def test_who_speaks_plainly_is_not_answered(self, echo: Echo) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{echo.port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary(METHOD)(b"word", timeout=60)

    async def test_other_authorities_are_trusted_without_dropping_a_call(
        self, echo: Echo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tls, "_LOOK_SECONDS", 0.0)
        dialling = echo.dial()
        under_way = asyncio.create_task(say(dialling, b"slow"))
        await asyncio.wait_for(echo.slow.wait(), 20)
        old = dialling.channel()

        Authority("the next one").issue(echo.folder)  # certificate, key, and ca.crt

        assert await say(dialling) == b"word"
        assert dialling.channel() is not old
        echo.let_go.set()
        assert await under_way == b"slow"
        await dialling.close()

    async def test_authorities_that_cannot_be_read_leave_the_known_ones(
        self, echo: Echo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tls, "_LOOK_SECONDS", 0.0)
        dialling = echo.dial()
        replace(echo.folder / "ca.crt", b"torn")
        assert await say(dialling) == b"word"
        (echo.folder / "ca.crt").unlink()
        assert await say(dialling) == b"word"
        await dialling.close()
