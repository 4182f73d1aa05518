"""Ports for embedded servers."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from devstack import ports

HOLD = """
import sys
from devstack import ports
print(*[ports.free_port() for _ in range(40)], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def port() -> Iterator[int]:
    number = ports.free_port()
    yield number
    ports.release(number)


class TestReserve:
    def test_a_reserved_port_is_refused_a_second_time(self, port: int) -> None:
        assert ports.reserve(port) is False

    def test_another_process_cannot_reserve_it(self, port: int) -> None:
        code = f"from devstack import ports; print(ports.reserve({port}))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"

    def test_a_released_port_can_be_reserved_again(self, port: int) -> None:
        ports.release(port)
        assert ports.reserve(port)

    @pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
    def test_a_port_with_a_listener_is_refused(self, port: int, address: str) -> None:
        ports.release(port)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen()
            assert ports.reserve(port) is False


class TestFreePort:
    def test_stays_below_the_ports_of_outgoing_connections(self, port: int) -> None:
        assert ports.LOWEST <= port < 32768

    def test_keeps_the_preferred_port_while_it_is_free(self, port: int) -> None:
        ports.release(port)
        assert ports.free_port(prefer=port) == port

    def test_gives_another_when_the_preferred_is_taken(self, port: int) -> None:
        other = ports.free_port(prefer=port)
        try:
            assert other != port
        finally:
            ports.release(other)

    def test_parallel_processes_never_share_one(self) -> None:
        workers = [
            subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        try:
            taken = [number for worker in workers if worker.stdout for number in worker.stdout.readline().split()]
            assert len(taken) == len(set(taken)) == 120
        finally:
            for worker in workers:
                worker.communicate("")


class TestWaitListening:
    def test_returns_once_somebody_listens(self, port: int) -> None:
        with socket.create_server((ports.LOOPBACK, port)):
            ports.wait_listening(ports.LOOPBACK, port, 30)

    def test_raises_naming_the_address_when_nobody_does(self, port: int) -> None:
        with pytest.raises(TimeoutError, match=rf"127\.0\.0\.1:{port}"):
            ports.wait_listening(ports.LOOPBACK, port, 0)
