"""The embedded NATS, alone and as a cluster, for real."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nats
import nats.errors
import pytest
from devstack.nats import MAX_PAYLOAD, EmbeddedNats, EmbeddedNatsCluster, NatsFailed
from nats.js.api import StreamConfig

HOLD = """
import sys
from pathlib import Path
from devstack.nats import EmbeddedNats
server = EmbeddedNats(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


class TestEmbeddedNats:
    async def test_a_killed_server_keeps_acknowledged_messages(self, tmp_path: Path) -> None:
        server = EmbeddedNats(tmp_path / "store")
        try:
            server.start()
            client = await nats.connect(server.url)
            await client.jetstream().add_stream(name="S", subjects=["s.>"])
            await client.jetstream().publish("s.one", b"kept")
            await client.close()
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            server.halt()
            server.start()
            client = await nats.connect(server.url)
            assert (await client.jetstream().get_msg("S", 1)).data == b"kept"
            await client.close()
        finally:
            server.stop()

    async def test_the_largest_message_passes_and_one_byte_more_does_not(self, tmp_path: Path) -> None:
        with EmbeddedNats(tmp_path / "store") as server:
            client = await nats.connect(server.url)
            await client.publish("x", bytes(MAX_PAYLOAD))
            with pytest.raises(nats.errors.MaxPayloadError):
                await client.publish("x", bytes(MAX_PAYLOAD + 1))
            await client.close()

    def test_a_taken_port_is_told_with_the_words_of_the_server(self, tmp_path: Path) -> None:
        with EmbeddedNats(tmp_path / "a") as first, pytest.raises(NatsFailed, match="address already in use"):
            EmbeddedNats(tmp_path / "b", port=first.port).start()

    def test_a_killed_parent_leaves_no_server(
        self, tmp_path: Path, lives: Callable[[int], bool], until: Callable[[Callable[[], object]], object]
    ) -> None:
        command = [sys.executable, "-c", HOLD, str(tmp_path / "store")]
        parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert lives(pid)
        parent.kill()
        parent.communicate()
        until(lambda: not lives(pid))


class TestEmbeddedNatsCluster:
    @pytest.mark.slow
    async def test_the_loss_of_the_leader_loses_no_acknowledged_message(self, tmp_path: Path) -> None:
        with EmbeddedNatsCluster(tmp_path) as cluster:
            client = await nats.connect(cluster.urls, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
            stream = client.jetstream(timeout=60)
            info = await stream.add_stream(StreamConfig(name="S", subjects=["s.>"], num_replicas=3))
            await _publish(client, "0")
            assert info.cluster is not None
            leader = next(i for i, node in enumerate(cluster.nodes) if node.name == info.cluster.leader)
            await asyncio.to_thread(cluster.kill, leader)
            for number in range(1, 4):
                await _publish(client, str(number))
            # In this thread: a server dies with the thread that started it.
            cluster.restart(leader)
            messages = [(await stream.get_msg("S", number)).data for number in range(1, 5)]
            assert messages == [b"0", b"1", b"2", b"3"]
            await client.close()


async def _publish(client: nats.NATS, text: str) -> None:
    """Publishes with an id until acknowledged: an election may take some seconds."""
    for _ in range(60):
        try:
            await client.jetstream().publish("s.x", text.encode(), headers={"Nats-Msg-Id": text}, timeout=2)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError):
            await asyncio.sleep(0.2)
        else:
            return
    raise AssertionError("the cluster never acknowledged again")
