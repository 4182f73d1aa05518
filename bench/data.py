"""Deterministic made-up rows: Chinese and Western customers with phone, e-mail and address, dealers, cars. Nobody real."""

from __future__ import annotations

from collections.abc import Iterator

from marque.customer.v1 import customer_import_service_pb2 as wire
from marque.network.v1 import network_import_service_pb2 as network
from marque.vehicle.v1 import vehicle_import_rows_pb2 as vehicle
from tradekit.vin import check_digit

SOURCE = "bench-dms"
CHUNK = 1000
DEALERS = 20
_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰涛明超霞平刚桂文辉鑫宇博晨"
_LATIN_FAMILY = ("Miller", "Okafor", "Silva", "Novak", "Tanaka", "Haddad", "Larsen", "Moreau", "Rossi", "Kowalski")
_LATIN_GIVEN = ("Anna", "Ben", "Carla", "David", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas")
_CITIES = (
    ("浙江省", "杭州市", "西湖区"),
    ("广东省", "深圳市", "南山区"),
    ("四川省", "成都市", "武侯区"),
    ("上海市", "上海市", "浦东新区"),
)


def customer(number: int, *, dealer: bool = False) -> wire.CustomerImportRow:
    """Returns the customer of a number: two of three Chinese, one Western; every field as a dealer's system would write it."""
    row = wire.CustomerImportRow(
        row=number + 1, source_key=f"K{number:09d}", kind="person", dealer_code=dealer_code(number) if dealer else ""
    )
    if number % 3:
        row.full_name = (
            _FAMILY[number % len(_FAMILY)] + _GIVEN[number // 7 % len(_GIVEN)] + _GIVEN[number // 31 % len(_GIVEN)]
        )
        row.phone = f"138{number % 100_000_000:08d}"
        row.country_code, row.language, row.postal_code = "CN", "zh-CN", f"{310000 + number % 90000}"
        row.province, row.city, row.district = _CITIES[number % 4]
        row.address_line = f"文三路{number % 900 + 1}号{number % 40 + 1}室"
    else:
        row.given_name, row.family_name = _LATIN_GIVEN[number % 10], _LATIN_FAMILY[number // 10 % 10]
        row.phone = f"+49160{number % 10_000_000:07d}"
        row.country_code, row.language, row.postal_code, row.city = "DE", "de", f"{10000 + number % 80000}", "Hamburg"
        row.address_line = f"Lange Reihe {number % 200 + 1}"
    row.email = f"c{number}@example.org"
    row.birth_date = f"{1950 + number % 55}-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
    row.gender = ("female", "male")[number % 2]
    return row


def chunks(first: int, count: int, *, dealer: bool = False) -> Iterator[wire.ImportCustomersRequest]:
    """Yields the messages of an import stream: customers `first` to `first + count - 1`, a thousand a message."""
    begun = False
    for start in range(first, first + count, CHUNK):
        numbers = range(start, min(start + CHUNK, first + count))
        message = wire.ImportCustomersRequest(rows=[customer(number, dealer=dealer) for number in numbers])
        if not begun:
            message.header.source = SOURCE
            begun = True
        yield message


def dealer_code(number: int) -> str:
    """Returns the code of the dealer that a number falls to."""
    return f"BENCH-{number % DEALERS:02d}"


def dealers() -> network.ImportDealersRequest:
    """Returns the dealers of the bench as one message."""
    message = network.ImportDealersRequest()
    message.header.source = SOURCE
    for number in range(DEALERS):
        row = message.rows.add(
            row=number + 1, code=dealer_code(number), kinds="sales;service", region_code="EAST", group_code="G1"
        )
        row.names["en"], row.names["zh-CN"] = f"Bench Motors {number}", f"标杆汽车{number}"
        row.country_code, row.province, row.city, row.time_zone = "CN", "浙江省", "杭州市", "Asia/Shanghai"
    return message


def vin(number: int) -> str:
    """Returns the VIN of a number: model year 2025, with its check digit."""
    bare = f"LSVAM4{number // 1_000_000 % 100:02d}0S2{number % 1_000_000:06d}"
    return f"{bare[:8]}{check_digit(bare)}{bare[9:]}"


def car(number: int) -> vehicle.VehicleImportRow:
    """Returns the car of a number."""
    return vehicle.VehicleImportRow(
        row=number + 1,
        vin=vin(number),
        make="Bench",
        model="One",
        model_year=2025,
        market="CN",
        use="private",
        energy="petrol",
        status="in_stock",
    )
