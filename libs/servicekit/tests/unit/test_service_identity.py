"""Who a service is to others: its own token, asked for once and renewed in time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from servicekit.errors import Unavailable
from servicekit.rpc.tokens import ServiceIdentity
from servicekit.testing.issuer import Hanging, IssuerServer


class TestServiceIdentity:
    @pytest.fixture
    def identity(self, own_server: IssuerServer, tmp_path: Path) -> ServiceIdentity:
        secret = tmp_path / "secret"
        secret.write_text("s")
        return ServiceIdentity(issuer=own_server.url, client_id="lab", secret_file=secret)

    async def test_many_callers_ask_once(
        self, own_server: IssuerServer, identity: ServiceIdentity, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        granted: list[int] = []
        grant = own_server.issuer.grant
        monkeypatch.setattr(own_server.issuer, "grant", lambda form: granted.append(1) or grant(form))

        assert len(set(await asyncio.gather(*(identity.token() for _ in range(30))))) == 1
        assert len(granted) == 1

    async def test_a_token_that_is_good_serves_on_while_the_issuer_hangs(
        self, own_server: IssuerServer, identity: ServiceIdentity
    ) -> None:
        first, hanging = await identity.token(), Hanging()
        own_server.close_port()
        await hanging.start(int(own_server.url.rpartition(":")[2]))
        identity._renew_at = 0.0  # time to renew, long before its end

        assert await asyncio.wait_for(asyncio.gather(*(identity.token() for _ in range(30))), 2) == [first] * 30
        identity._renewal.cancel()
        await hanging.stop()

    async def test_a_new_token_is_there_soon_after_it_is_time(
        self, own_server: IssuerServer, identity: ServiceIdentity
    ) -> None:
        first = await identity.token()
        identity._renew_at = 0.0
        await identity.token()
        await asyncio.shield(identity._renewal)

        assert await identity.token() != first

    async def test_without_a_token_an_issuer_that_is_away_is_unavailable(
        self, own_server: IssuerServer, identity: ServiceIdentity
    ) -> None:
        await identity.token()
        own_server.close_port()
        identity._renew_at = identity._good_until = 0.0
        for _ in range(2):
            with pytest.raises(Unavailable):
                await identity.token()
