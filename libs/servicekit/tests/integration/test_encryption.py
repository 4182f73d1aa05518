"""A service as a cluster surrounds it: encrypted to its database and its broker, as a user of its own at both, encrypted to its callers."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from devstack import ports
from devstack.nats import EmbeddedNats
from marque.type.v1 import operations_pb2
from nats.js.errors import NotFoundError
from pydantic import SecretStr
from servicekit.messaging import accounts, envelope
from servicekit.messaging.broker import BrokerAccess
from servicekit.rpc.tls import Dialling
from servicekit.service import Running, connect_nats, migrate_all
from servicekit.settings import ServiceSettings
from servicekit.testing import web
from servicekit.testing.certificates import Authority
from servicekit.testing.encrypted_postgres import EncryptedDoor
from servicekit.testing.issuer import IssuerServer
from servicekit.testing.lab.service import build
from servicekit.testing.platform import Platform, until

USERS = {
    "customer": accounts.of_service("customer", [("vehicle", "customer_vehicle")]),
    "vehicle": accounts.of_service("vehicle", []),
    "gateway": accounts.of_gateway(["customer", "vehicle"]),
    "migrate": accounts.of_migration(),
}
STATE = "/marque.customer.v1.CustomerOperationsService/GetState"


class Cluster:
    """Engines that take nobody plainly, and words for each user in files."""

    def __init__(self, folder: Path, platform: Platform) -> None:
        self.folder, self.platform = folder, platform
        self.authority = Authority()
        self.authority.issue(folder / "tls")
        self.ca = folder / "tls" / "ca.crt"
        for user in USERS:
            (folder / user).write_text(f"a{secrets.token_hex(20)}")
        self.nats = EmbeddedNats(folder / "nats", cluster=self.broker_configuration())
        self.url = f"tls://{ports.LOOPBACK}:{self.nats.port}"

    def broker_configuration(self) -> str:
        words = {user: (self.folder / user).read_text() for user in USERS}
        users = [{"user": user, "password": words[user], "permissions": may} for user, may in USERS.items()]
        tls = {"cert_file": str(self.folder / "tls" / "tls.crt"), "key_file": str(self.folder / "tls" / "tls.key")}
        return f"tls {json.dumps(tls)}\nauthorization {json.dumps({'users': users})}\n"

    def access(self, user: str) -> BrokerAccess:
        return BrokerAccess(user, self.folder / user, self.ca)

    def settings(self, database: str, **more: Any) -> ServiceSettings:
        told: dict[str, Any] = {
            "environment": "test",
            "database_url": SecretStr(database),
            "database_ca_file": self.ca,
            "database_pool_size": 3,
            "nats_url": self.url,
            "nats_user": "customer",
            "nats_password_file": self.folder / "customer",
            "nats_ca_file": self.ca,
            "issuer_url": self.platform.issuer.url,
            "audit_keys": self.platform.audit_keys(),
            "sealing_keys": self.platform.sealing_keys(),
            "tls_cert_file": self.folder / "tls" / "tls.crt",
            "tls_key_file": self.folder / "tls" / "tls.key",
            "drain_seconds": 1.0,
            "log_level": "WARNING",
        }
        return ServiceSettings(**{**told, **more})


@pytest.fixture(scope="module")
def cluster(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), platform)
    with made.nats:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(cluster: Cluster, platform: Platform) -> AsyncIterator[EncryptedDoor]:
    made = EncryptedDoor(platform.postgres.port, cluster.folder / "tls")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(scope="module")
def database(platform: Platform, door: EncryptedDoor) -> str:
    """The address of a database behind a door that takes encrypted connections only."""
    plain = platform.postgres.create_role_and_database(f"encrypted_{secrets.token_hex(4)}")
    return plain.replace(f":{platform.postgres.port}/", f":{door.port}/")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(cluster: Cluster, database: str) -> AsyncIterator[Running]:
    settings = cluster.settings(database)
    step = settings.model_copy(update={"nats_user": "migrate", "nats_password_file": cluster.folder / "migrate"})
    await migrate_all(build, step, "customer")
    running = Running(build, settings, "customer")
    await running.start()
    yield running
    await running.stop()


async def connected(cluster: Cluster, user: str) -> Any:
    return await connect_nats(cluster.url, user, cluster.access(user))


class TestService:
    async def test_it_answers_who_trusts_its_authority_and_knows_its_broker(
        self, cluster: Cluster, service: Running, issuer_server: IssuerServer
    ) -> None:
        dialling = Dialling(f"127.0.0.1:{service.port}", cluster.ca, [])
        metadata = (("authorization", f"Bearer {issuer_server.issuer.person_token('o', ['ops'])}"),)
        call = dialling.channel().unary_unary(STATE, response_deserializer=operations_pb2.ServiceState.FromString)
        state = await call(b"", metadata=metadata, timeout=60)
        assert state.broker_reachable
        assert [one.consumer for one in state.consumers] == ["customer_vehicle"]
        await dialling.close()

    async def test_every_connection_to_the_database_is_encrypted(self, service: Running, door: EncryptedDoor) -> None:
        assert door.encrypted > 3  # of the migration, both pools, the relay's lock
        assert door.refused == 0

    async def test_a_database_that_another_authority_vouches_for_is_not_spoken_to(
        self, cluster: Cluster, database: str, tmp_path: Path
    ) -> None:
        (tmp_path / "stranger.crt").write_bytes(Authority("stranger").pem)
        settings = cluster.settings(database, database_ca_file=tmp_path / "stranger.crt")
        running = Running(build, settings, "customer", work=False)
        with pytest.raises(ssl.SSLError):
            await running.start()
        await running.stop()

    async def test_it_hears_what_it_subscribes_to_and_says_what_is_its_own(
        self, cluster: Cluster, service: Running
    ) -> None:
        vehicle = await connected(cluster, "vehicle")
        before = await self.waiting(cluster)
        headers = {"Nats-Msg-Id": secrets.token_hex(8)}  # not an event: it is parked as a dead letter, so it was heard
        ack = await vehicle.jetstream().publish("marque.vehicle.v1.SaleRecorded", b"?", headers=headers)
        assert ack.stream == "MARQUE_VEHICLE"

        async def heard() -> bool:
            return await self.waiting(cluster) == before + 1

        await until(heard, 30, "the consumer did not hear")
        await vehicle.close()

    @staticmethod
    async def waiting(cluster: Cluster) -> int:
        migrate = await connected(cluster, "migrate")
        info = await migrate.jetstream().consumer_info("MARQUE_VEHICLE", "customer_vehicle")
        await migrate.close()
        return int(info.ack_floor.stream_seq)


class TestUsers:
    @pytest.mark.parametrize(
        ("user", "subject"),
        [
            ("customer", "marque.vehicle.v1.SaleRecorded"),
            ("customer", "$JS.API.STREAM.DELETE.MARQUE_CUSTOMER"),
            ("customer", "$JS.API.STREAM.PURGE.MARQUE_CUSTOMER"),
            ("customer", "$JS.API.STREAM.CREATE.MARQUE_OWN"),
            ("customer", "$JS.API.CONSUMER.CREATE.MARQUE_VEHICLE"),
            ("customer", "$JS.API.CONSUMER.DELETE.MARQUE_VEHICLE.customer_vehicle"),
            ("customer", "$JS.API.STREAM.MSG.GET.MARQUE_VEHICLE"),
            ("vehicle", "$JS.API.CONSUMER.MSG.NEXT.MARQUE_VEHICLE.customer_vehicle"),
            ("vehicle", "$JS.API.DIRECT.GET.MARQUE_CUSTOMER"),
            ("gateway", "marque.customer.v1.CustomerCreated"),
            ("gateway", "$JS.API.STREAM.DELETE.MARQUE_CUSTOMER"),
            ("gateway", "$JS.API.CONSUMER.DURABLE.CREATE.MARQUE_VEHICLE.customer_vehicle"),
            ("gateway", "$JS.API.CONSUMER.CREATE.MARQUE_VEHICLE.customer_vehicle"),
            ("migrate", "marque.customer.v1.CustomerCreated"),
            ("migrate", "_INBOX_customer.forged"),
        ],
    )
    async def test_nobody_does_what_is_anothers(
        self, cluster: Cluster, service: Running, user: str, subject: str
    ) -> None:
        told, errors = asyncio.Event(), []

        async def error(failure: Exception) -> None:
            errors.append(str(failure).lower())
            told.set()

        client = await nats.connect(cluster.url, error_cb=error, **cluster.access(user).options())
        await client.publish(subject, b"{}")
        await asyncio.wait_for(told.wait(), 20)
        assert "permissions violation for publish" in errors[0]
        await client.close()

    @pytest.mark.parametrize("subject", ["marque.>", "marque.vehicle.>", "_INBOX.>", "_INBOX_customer.>", ">", "$JS.>"])
    async def test_nobody_listens_beside_its_own_inbox(self, cluster: Cluster, subject: str) -> None:
        told = asyncio.Event()

        async def error(failure: Exception) -> None:
            if "permissions violation for subscription" in str(failure).lower():
                told.set()

        client = await nats.connect(cluster.url, error_cb=error, **cluster.access("vehicle").options())
        await client.subscribe(subject)
        await asyncio.wait_for(told.wait(), 20)
        await client.close()

    async def test_the_gateway_follows_a_stream_as_it_does_and_makes_none(
        self, cluster: Cluster, service: Running
    ) -> None:
        gateway, vehicle = await connected(cluster, "gateway"), await connected(cluster, "vehicle")
        jetstream = gateway.jetstream()
        assert (await jetstream.stream_info(envelope.stream("vehicle"))).config.name == "MARQUE_VEHICLE"
        found = await jetstream.subscribe("marque.vehicle.>", stream=envelope.stream("vehicle"), ordered_consumer=True)
        await vehicle.jetstream().publish(
            "marque.vehicle.v1.OrderLate", b"late", headers={"Nats-Msg-Id": secrets.token_hex(8)}
        )
        while (message := await found.next_msg(timeout=60)).data != b"late":
            pass
        assert message.subject == "marque.vehicle.v1.OrderLate"
        for client in (gateway, vehicle):
            await client.close()

    async def test_a_word_that_was_changed_counts_from_the_next_connection(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        word = tmp_path / "word"
        word.write_text("wrong")
        access = BrokerAccess("vehicle", word, cluster.ca)
        with pytest.raises(nats.errors.Error):
            await nats.connect(cluster.url, allow_reconnect=False, error_cb=_quiet, **access.options())
        word.write_text((cluster.folder / "vehicle").read_text() + "\n")
        client = await nats.connect(cluster.url, allow_reconnect=False, **access.options())
        assert client.is_connected
        await client.close()

    async def test_streams_are_made_by_the_migrate_step_alone(self, cluster: Cluster, service: Running) -> None:
        migrate = await connected(cluster, "migrate")
        assert (await migrate.jetstream().stream_info("MARQUE_CUSTOMER")).config.subjects == ["marque.customer.>"]
        with pytest.raises(NotFoundError):
            await migrate.jetstream().stream_info("MARQUE_OWN")
        await migrate.close()


async def _quiet(error: Exception) -> None:
    """What is refused is told by the connection."""


class TestSchemaWait:
    async def test_a_pod_is_alive_and_not_ready_until_its_migration_is_done(
        self, cluster: Cluster, platform: Platform
    ) -> None:
        import httpx

        empty = await asyncio.to_thread(platform.postgres.create_role_and_database, f"wait_{secrets.token_hex(4)}")
        health = ports.free_port()
        settings = cluster.settings(empty, database_ca_file=None, schema_wait_seconds=120, health_port=health)
        running = Running(build, settings, "customer", work=False)
        starting = asyncio.create_task(running.start())
        async with web.client(f"http://127.0.0.1:{health}", timeout=10) as probe:

            async def alive() -> bool:
                try:
                    return (await probe.get("/livez")).status_code == 200
                except httpx.HTTPError:
                    return False

            await until(alive, 30, "the process is not alive")
            assert (await probe.get("/readyz")).status_code == 503
            step = settings.model_copy(
                update={"nats_user": "migrate", "nats_password_file": cluster.folder / "migrate"}
            )
            await migrate_all(build, step, "customer")
            await asyncio.wait_for(starting, 60)
            assert (await probe.get("/readyz")).status_code == 200
        await running.stop()
        ports.release(health)

    async def test_where_nobody_waits_an_old_schema_is_told_at_once(self, cluster: Cluster, platform: Platform) -> None:
        empty = await asyncio.to_thread(platform.postgres.create_role_and_database, f"old_{secrets.token_hex(4)}")
        running = Running(build, cluster.settings(empty, database_ca_file=None), "customer", work=False)
        with pytest.raises(RuntimeError, match="run `migrate` first"):
            await running.start()
        await running.stop()
