"""What is read from a service's code for its chart: whom it calls, which schema it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from devstack.delivery.fleet import Member, called_by, newest_revision

SERVICES = ["network", "customer", "vehicle", "gateway"]


def package(folder: Path, **rooms: str) -> Path:
    for name, text in rooms.items():
        (folder / f"{name}.py").write_text(text)
    return folder


class TestCalledBy:
    @pytest.mark.parametrize(
        ("clients", "expected"),
        [
            ('_GET = "/marque.vehicle.v1.SaleService/GetSale"', ("vehicle",)),
            ('path = f"/marque.{service}.v1.{service.capitalize()}HandOverService/HandOver"', ("network", "vehicle")),
            ('Peer("network", address, identity)', ("network",)),
            ("from marque.vehicle.v1 import sale_pb2", ()),
            ('"""Asks marque.vehicle.v1 nothing."""', ()),
            ('_OWN = "/marque.customer.v1.CustomerService/GetCustomer"', ()),
            ('_ELSE = "/marque.unheard.v1.Service/Get"', ()),
            ("", ()),
        ],
    )
    def test_it_is_whom_its_clients_name(self, tmp_path: Path, clients: str, expected: tuple[str, ...]) -> None:
        assert called_by(package(tmp_path, clients=clients), "customer", SERVICES) == expected

    def test_peers_made_by_the_wiring_count_as_well(self, tmp_path: Path) -> None:
        wiring = 'customers = Customers(_peer(kit, "vehicle"))'
        assert called_by(package(tmp_path, service=wiring), "customer", SERVICES) == ("vehicle",)

    def test_a_folder_of_clients_is_read_as_a_file_is(self, tmp_path: Path) -> None:
        (tmp_path / "clients").mkdir()
        package(tmp_path / "clients", networks='_GET = "/marque.network.v1.DealerService/GetDealer"')
        assert called_by(tmp_path, "customer", SERVICES) == ("network",)

    def test_other_rooms_do_not_count(self, tmp_path: Path) -> None:
        text = '_GET = "/marque.vehicle.v1.SaleService/GetSale"'
        assert called_by(package(tmp_path, usecases=text), "customer", SERVICES) == ()

    def test_the_gateway_passes_on_to_everybody(self, tmp_path: Path) -> None:
        assert called_by(tmp_path, "gateway", SERVICES) == ("network", "customer", "vehicle")

    def test_what_the_services_of_today_say_is_what_is_known_of_them(self, fleet: list[Member]) -> None:
        calls = {member.name: set(member.calls) for member in fleet}
        assert calls["vehicle"] == {"network", "customer"}
        assert calls["complaint"] == {"network", "customer", "vehicle"}
        assert "gateway" not in set().union(*calls.values())


class TestNewestRevision:
    def test_it_is_the_highest_number(self, tmp_path: Path) -> None:
        for name in ("0001_first.py", "0010_people.py", "0009_showroom.py", "notes.py"):
            (tmp_path / name).touch()
        assert newest_revision(tmp_path) == "0010"

    def test_a_service_without_migrations_has_none(self, tmp_path: Path) -> None:
        assert newest_revision(tmp_path / "versions") == ""
