"""The state folder and its ports."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from devstack import ports
from devstack.layout import Layout, PortBook, PortTaken


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "state")
    made.make()
    return made


@pytest.fixture
def book(layout: Layout) -> Iterator[PortBook]:
    made = PortBook(layout)
    yield made
    made.release()


class TestLayout:
    def test_secrets_are_for_their_owner_only(self, layout: Layout) -> None:
        file = layout.client_secret_file("customer")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(layout.secrets.stat().st_mode) == 0o700

    def test_a_client_secret_stays_the_same(self, layout: Layout) -> None:
        layout.client_secret_file("customer")
        first = layout.client_secrets()
        layout.client_secret_file("customer")
        assert layout.client_secrets() == first
        assert len(first["customer"]) == 64

    def test_the_sealing_key_is_made_once_for_its_owner_only(self, layout: Layout) -> None:
        (key,) = layout.sealing_keys().glob("*.key")
        held = key.read_bytes()
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert [path.read_bytes() for path in layout.sealing_keys().glob("*.key")] == [held]
        assert len(base64.b64decode(held, validate=False)) == 32

    def test_two_services_never_share_a_secret(self, layout: Layout) -> None:
        for name in ("customer", "vehicle"):
            layout.client_secret_file(name)
        assert len(set(layout.client_secrets().values())) == 2

    def test_a_folder_with_other_files_is_not_taken_over(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").touch()
        with pytest.raises(ValueError, match="was not made by devstack"):
            Layout(tmp_path).make()


class TestPortBook:
    def test_a_second_start_has_the_same_ports(self, layout: Layout, book: PortBook) -> None:
        first = [book.port(name) for name in ("postgres", "nats")]
        book.release()
        again = PortBook(layout)
        try:
            assert [again.port(name) for name in ("postgres", "nats")] == first
        finally:
            again.release()

    def test_a_taken_usual_door_gives_a_free_one(self, book: PortBook) -> None:
        usual = ports.free_port()
        try:
            assert book.door("http", None, usual) != usual
        finally:
            ports.release(usual)

    def test_a_free_usual_door_is_used(self, book: PortBook) -> None:
        usual = ports.free_port()
        ports.release(usual)
        assert book.door("http", None, usual) == usual

    def test_a_given_door_that_is_taken_is_refused_naming_it(self, book: PortBook) -> None:
        given = ports.free_port()
        try:
            with pytest.raises(PortTaken, match=f"{given}.*http"):
                book.door("http", given, 8080)
        finally:
            ports.release(given)
