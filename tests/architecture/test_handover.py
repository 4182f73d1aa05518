"""Every service that keeps rows of its own hands over those of people who leave, as it shows and erases those of customers."""

from __future__ import annotations

from servicekit import contract

SERVICES = sorted({name.split(".")[1] for name in contract.services() if name.endswith("PersonalDataService")})


class TestHandOver:
    def test_every_service_takes_part(self) -> None:
        wanted = {f"marque.{name}.v1.{name.capitalize()}HandOverService" for name in SERVICES}

        assert wanted <= set(contract.services())

    def test_only_services_ask_for_it(self) -> None:
        for name in SERVICES:
            methods = contract.methods(f"marque.{name}.v1.{name.capitalize()}HandOverService")
            assert {one.name: one.internal for one in methods.values()} == {"HandOver": True}
