"""The malware scanner against a daemon that speaks ClamAV's protocol over a real socket."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servicekit.errors import Unavailable
from servicekit.scanner import ClamAv
from servicekit.testing.clamd import EICAR, Clamd


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


class TestScan:
    @given(st.lists(st.binary(max_size=300), max_size=8), st.booleans())
    @settings(max_examples=25, deadline=None)
    def test_the_daemon_gets_the_content_whole_and_its_word_is_taken(self, content: list[bytes], bad: bool) -> None:
        async def run() -> tuple[str, list[bytes]]:
            async with Clamd() as daemon:
                sent = [*content, EICAR] if bad else content
                return await ClamAv(daemon.address).scan(pieces(*sent)), daemon.heard

        found, heard = asyncio.run(run())
        assert heard == [b"".join(content) + (EICAR if bad else b"")]
        assert found == ("Eicar-Test-Signature" if bad else "")

    @pytest.mark.parametrize("answer", [b"INSTREAM size limit exceeded. ERROR\0", b"stream: \0", b"", b"x" * 10_000])
    async def test_what_is_not_said_to_be_clean_is_a_failure(self, answer: bytes) -> None:
        async with Clamd(answer=answer) as daemon:
            with pytest.raises(Unavailable):
                await ClamAv(daemon.address).scan(pieces(b"words"))

    async def test_a_daemon_that_is_away_silent_or_hangs_up_is_a_failure(self) -> None:
        async with Clamd() as daemon:
            address = daemon.address
        with pytest.raises(Unavailable):
            await ClamAv(address).scan(pieces(b"words"))
        async with Clamd(silent=True) as daemon:
            with pytest.raises(Unavailable):
                await ClamAv(daemon.address, seconds=0.2).scan(pieces(b"words"))

    @pytest.mark.parametrize("address", ["", "host", ":3310", "host:", "host:x"])
    def test_an_address_without_host_or_port_is_refused(self, address: str) -> None:
        with pytest.raises(ValueError, match="host:port"):
            ClamAv(address)

    def test_lengths_are_four_bytes_of_network_order(self) -> None:
        assert struct.pack("!I", 258) == b"\0\0\1\2"
