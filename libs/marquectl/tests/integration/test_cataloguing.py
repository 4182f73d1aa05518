"""The model catalogue as a file against the vehicle service: brought, exported, the same again, changed, and partly wrong."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from marque.vehicle.v1 import catalogue_pb2
from marquectl import catalogue_rows, cataloguing
from marquectl.addresses import Addresses
from marquectl.contract import method
from marquectl.door import Door
from marquectl.world import orders
from servicekit.testing.platform import Platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def vehicle(platform: Platform) -> Platform:
    await platform.start("vehicle")
    return platform


@pytest_asyncio.fixture(loop_scope="session")
async def shop(vehicle: Platform, addresses: Addresses) -> AsyncIterator[Door]:
    async with Door(addresses, peers=vehicle.peers) as opened:
        yield opened


def sample(path: Path, **changed: str) -> Path:
    """The sample's first model as a file, `changed` in every row."""
    model = catalogue_pb2.CatalogueModel(**orders.models()[0])
    prices = [catalogue_pb2.CataloguePrice(**one) for one in orders.prices() if one["model_code"] == model.model_code]
    rows = [{**row, **changed} for row in catalogue_rows.written(model, prices)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


async def trims(door: Door, code: str) -> Any:
    name = "vehicle.v1.CatalogueService/GetCatalogueModel"
    return (await door.call(name, method(name).input(model_code=code, market="CN"))).trims


class TestCatalogue:
    async def test_it_comes_once_goes_out_as_it_came_and_what_is_told_anew_is_heard(
        self, shop: Door, tmp_path: Path
    ) -> None:
        code, count = orders.models()[0]["model_code"], 2 * (2 + 7)
        empty = tmp_path / "form.csv"
        assert await cataloguing.export_file(shop, empty) == 0
        assert empty.read_text("utf-8").strip().split(",") == list(catalogue_rows.COLUMNS)

        file = sample(tmp_path / "first.csv")
        tried = await cataloguing.import_file(shop, file, dry_run=True)
        first = await cataloguing.import_file(shop, file)
        again = await cataloguing.import_file(shop, file)
        assert (tried.models, tried.prices) == (first.models, first.prices) == ({"created": 1}, {"created": count})
        assert (again.models, again.prices, again.refused) == ({"unchanged": 1}, {"unchanged": count}, [])
        base, _ = await trims(shop, code)
        assert (base.price.currency_code, base.specification["seats"]) == ("CNY", "5")

        out = tmp_path / "out.csv"
        assert await cataloguing.export_file(shop, out) == count
        exported = await cataloguing.import_file(shop, out)
        assert (exported.models, exported.prices, exported.refused) == ({"unchanged": 1}, {"unchanged": count}, [])

        changed = sample(tmp_path / "changed.csv", series="U625")
        assert (await cataloguing.import_file(shop, changed)).models == {"updated": 1}
        assert (await cataloguing.import_file(shop, file)).models == {"updated": 1}, "an earlier file is heard again"

    async def test_what_the_service_refuses_is_told_with_its_row_and_the_rest_goes_on(
        self, shop: Door, tmp_path: Path
    ) -> None:
        path = tmp_path / "wrong.csv"
        lines = [
            "model_code,make,model,model_name.en,kind,code,name.en,requires,market,currency_code,price,valid_from",
            "GOOD-26,VW,Good,Good,trim,BASE,Base,,DE,EUR,20000,2030-01-01",
            "GOOD-26,VW,Good,Good,trim,BASE,Base,,DE,CHF,20000,2031-01-01",
            "LOST-26,VW,Lost,Lost,trim,BASE,Base,,DE,EUR,20000,2030-01-01",
            "LOST-26,VW,Lost,Lost,option,TOW,Tow bar,NOBODY,,,,",
        ]
        path.write_text("\n".join(lines), "utf-8")
        told = await cataloguing.import_file(shop, path)
        assert (told.models, told.prices) == ({"created": 1}, {"created": 1})
        assert [one.partition(":")[0] for one in told.refused] == ["wrong.csv", "LOST-26"]
        assert "CURRENCY_MIXED" in told.refused[0]
        assert "CATALOGUE_CODE_UNKNOWN" in told.refused[1]
