"""Made-up customers of whom some are held twice: Chinese and Western people, households, organisations, with the errors that desks make.

What linking is measured on where nobody could have fitted it: the truth is in `entity`. The same count and seed give the same rows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tradekit import han

Row = dict[str, Any]

_FAMILY = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁"
    "任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严"
)
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰涛明超霞平刚桂文辉鑫宇博晨秀英华慧巧美兰凤洁梅琳素云莲真环雪荣爱妹香月莺媛瑞凡佳嘉琼勤珍贞莉红娟"
    "毅俊峰保东力永健世广志义兴良海山仁波宁贵福生龙元全国胜学祥才发武新利清飞彬富顺信子树栋维启克伦翔旭鹏泽辰士以建家致炎德行"
    "时泰盛雄琛钧冠策腾楠榕风航弘浩梓涵雨欣怡诗语思萱若曦紫轩睿博文皓昊天佑"
)
_LATIN_FAMILY = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Wilson "
    "Anderson Thomas Taylor Moore Jackson Martin Lee Thompson White Harris Clark Lewis Robinson Walker "
    "Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera "
    "Campbell Mitchell Carter Roberts Muller Schmidt Schneider Fischer Weber Meyer Wagner Becker Hoffmann "
    "Schulz Koch Bauer Richter Klein Wolf Neumann Schwarz Zimmermann Braun Hartmann Kruger Dubois Moreau "
    "Laurent Simon Michel Lefebvre Leroy Rossi Russo Ferrari Esposito Bianchi Romano Kowalski Nowak Novak "
    "Svoboda Larsen Hansen Olsen Okafor Haddad Tanaka Silva Santos Pereira Costa"
)
_LATIN_GIVEN = {
    "James": "Jim", "Robert": "Bob", "John": "Jack", "Michael": "Mike", "William": "Bill", "David": "Dave",
    "Richard": "Dick", "Joseph": "Joe",
    "Thomas": "Tom", "Christopher": "Chris", "Charles": "Charlie", "Daniel": "Dan", "Matthew": "Matt", "Anthony": "Tony",
    "Andrew": "Andy",
    "Joshua": "Josh", "Kenneth": "Ken", "Steven": "Steve", "Edward": "Ted", "Benjamin": "Ben", "Samuel": "Sam", "Gregory": "Greg",
    "Alexander": "Alex", "Patrick": "Pat", "Nicholas": "Nick", "Mary": "Molly", "Patricia": "Pat", "Jennifer": "Jenny",
    "Elizabeth": "Liz",
    "Barbara": "Barb", "Susan": "Sue", "Jessica": "Jess", "Margaret": "Peggy", "Katherine": "Kate", "Deborah": "Debbie",
    "Rebecca": "Becky",
    "Cynthia": "Cindy", "Christine": "Chris", "Victoria": "Vicky", "Amanda": "Mandy", "Anna": "", "Greta": "", "Hugo": "",
    "Ines": "", "Jonas": "",
    "Elif": "", "Farid": "", "Lukas": "", "Marie": "", "Sofia": "", "Emma": "", "Paul": "", "Laura": "", "Julia": "",
    "Felix": "", "Oscar": "",
}  # fmt: skip
_CITIES = (
    ("杭州", "Hangzhou", "3100"), ("深圳", "Shenzhen", "5180"), ("成都", "Chengdu", "6100"), ("上海", "Shanghai", "2000"),
    ("北京", "Beijing", "1000"),
    ("武汉", "Wuhan", "4300"), ("西安", "Xian", "7100"), ("南京", "Nanjing", "2100"), ("重庆", "Chongqing", "4000"),
    ("苏州", "Suzhou", "2150"),
)  # fmt: skip
_WEST = (
    ("Hamburg", "20"),
    ("Berlin", "10"),
    ("London", "SW"),
    ("Chicago", "60"),
    ("Lyon", "69"),
    ("Milano", "20"),
    ("Detroit", "48"),
)
_ROADS = [
    "文三",
    "解放",
    "人民",
    "中山",
    "建设",
    "和平",
    "长江",
    "黄河",
    "南京",
    "北京",
    "延安",
    "学院",
    "体育",
    "科技",
    "滨江",
    "环城",
    "新华",
    "胜利",
    "光明",
    "幸福",
]
_STREETS = (
    "Oak Maple Cedar Pine Elm Lake Hill Park Washington Main Church High Mill River Spring Station "
    "Victoria Garden Bridge School Market King Queen Forest Meadow Sunset Highland Jefferson Lincoln "
    "Franklin"
)
_TRADES = ["教师", "工程师", "医生", "司机", "会计", "销售", "律师", "厨师", "公务员", "经理", "护士", "设计师"]
_JOBS = ("teacher engineer doctor driver accountant salesman lawyer cook clerk manager nurse designer").split()  # noqa: SIM905 - words are read more easily than a hundred quotes
_BRANCH = ("汽车贸易", "物流", "建筑工程", "电子科技", "食品", "机械制造", "装饰", "商贸")
_TRADE_WORDS = (
    "Logistics",
    "Trading",
    "Engineering",
    "Technology",
    "Foods",
    "Manufacturing",
    "Consulting",
    "Transport",
)
_LEGAL = ("有限公司", "股份有限公司", "有限责任公司", "")
_FORMS = ("Inc.", "LLC", "Ltd", "GmbH", "Corporation", "")
_HOSTS = ("qq.com", "163.com", "126.com", "gmail.com", "outlook.com", "sina.com", "example.org")


def rows(count: int, seed: int = 1, *, repeated: float = 0.25, organisations: float = 0.08) -> Iterator[Row]:
    """Yields `count` records: `key`, `entity` (the truth) and text columns, None where unknown. Of the share `repeated` of the entities
    there are two to four records; a fifth of the people share house and family name with the one before, as families do.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up rows that must come again alike
    made = entity = 0
    before: Row = {}
    while made < count:
        entity += 1
        if chance.random() < organisations:
            first = _organisation(chance)
        else:
            first = before = _person(chance, before if chance.random() < 0.2 else {})
        copies = 1 + (chance.choice((1, 1, 1, 2, 3)) if chance.random() < repeated else 0)
        for number in range(copies):
            if made < count:
                made += 1
                yield {"key": f"K{made:08d}", "entity": entity, **(_told(chance, first) if number else _public(first))}


COLUMNS = {
    "family": "family", "given": "given", "full": "full", "organisation": "organisation", "birth": "birth", "phone": "phone",
    "email": "email",
    "identity": "identity", "address": "address", "postcode": "postcode", "city": "place", "occupation": "other",
}  # fmt: skip


def _public(row: Row) -> Row:
    return {column: row.get(column) or None for column in COLUMNS}


def _skewed(chance: random.Random, values: Any) -> Any:
    """Picks the earlier ones more often, as names are."""
    return values[int(len(values) * chance.random() ** 1.8)]


def _person(chance: random.Random, kin: Row) -> Row:
    chinese = kin["chinese"] if kin else chance.random() < 0.65
    row: Row = {
        "chinese": chinese,
        "birth": f"{chance.randint(1945, 2006)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
    }
    number = chance.randint(0, 99_999_999)
    if chinese:
        row["family"] = kin.get("family") or _skewed(chance, _FAMILY)
        row["given"] = _skewed(chance, _GIVEN) + (_skewed(chance, _GIVEN) if chance.random() < 0.8 else "")
        row["phone"] = f"1{chance.choice('3578')}{chance.randint(0, 9)}{number:08d}"
        city, _, code = _skewed(chance, _CITIES)
        row["city"], row["postcode"] = city, f"{code}{chance.randint(0, 99):02d}"
        row["address"] = f"{chance.choice(_ROADS)}路{chance.randint(1, 900)}号{chance.randint(1, 40)}室"
        row["identity"] = f"3301{chance.randint(0, 99):02d}{row['birth'].replace('-', '')}{chance.randint(0, 9999):04d}"
        row["occupation"] = chance.choice(_TRADES)
        mailbox = "".join(han.syllables(row["family"] + row["given"]))
    else:
        row["family"], row["given"] = (
            kin.get("family") or _skewed(chance, _LATIN_FAMILY.split()),
            _skewed(chance, list(_LATIN_GIVEN)),
        )
        row["phone"] = f"+49160{number % 10_000_000:07d}"
        row["city"], code = _skewed(chance, _WEST)
        row["postcode"] = f"{code}{chance.randint(0, 999):03d}"
        row["address"] = (
            f"{chance.randint(1, 400)} {chance.choice(_STREETS.split())} {chance.choice(('Street', 'Avenue', 'Road', 'Lane'))}"
        )
        row["identity"], row["occupation"] = f"{chance.randint(10**9, 10**10 - 1)}", chance.choice(_JOBS)
        mailbox = f"{row['given']}.{row['family']}".lower()
    row["email"] = f"{mailbox}{chance.randint(1, 999)}@{chance.choice(_HOSTS)}"
    if kin:
        row.update({name: kin[name] for name in ("city", "postcode", "address")})
    for column, unknown in (
        ("email", 0.3),
        ("identity", 0.6),
        ("birth", 0.2),
        ("address", 0.25),
        ("occupation", 0.5),
        ("phone", 0.05),
    ):
        if chance.random() < unknown:
            row[column] = ""
    return row


def _organisation(chance: random.Random) -> Row:
    chinese = chance.random() < 0.6
    row: Row = {"chinese": chinese, "phone": f"0571{chance.randint(10**7, 10**8 - 1)}"}
    if chinese:
        city, _, code = _skewed(chance, _CITIES)
        words = "".join(chance.choice(_GIVEN) for _ in range(chance.randint(2, 3)))
        row["name"], row["form"] = f"{city}{words}{chance.choice(_BRANCH)}", chance.choice(_LEGAL)
        row["city"], row["postcode"] = city, f"{code}{chance.randint(0, 99):02d}"
        row["address"] = f"{chance.choice(_ROADS)}路{chance.randint(1, 900)}号"
    else:
        row["name"] = (
            f"{chance.choice(_LATIN_FAMILY.split())} {chance.choice(_STREETS.split())} {chance.choice(_TRADE_WORDS)}"
        )
        row["form"] = " " + chance.choice(_FORMS)
        row["city"], code = _skewed(chance, _WEST)
        row["postcode"], row["address"] = (
            f"{code}{chance.randint(0, 999):03d}",
            f"{chance.randint(1, 400)} {chance.choice(_STREETS.split())} Street",
        )
    row["organisation"] = (row["name"] + row["form"]).strip()
    row["email"] = f"info{chance.randint(1, 99_999)}@example.com" if chance.random() < 0.5 else ""
    return row


def _told(chance: random.Random, first: Row) -> Row:
    """The same one as another desk wrote them down: one to three things are otherwise, some are missing."""
    row = dict(first)
    for _ in range(chance.choice((1, 1, 2, 2, 3))):
        chance.choice((_name, _name, _digits, _digits, _date, _moved, _mail, _typo))(chance, row)
    for column in ("email", "identity", "birth", "address", "postcode", "city", "occupation", "phone"):
        if chance.random() < 0.15:
            row[column] = ""
    return _public(row)


def _name(chance: random.Random, row: Row) -> None:
    if row.get("organisation"):
        row["organisation"] = (
            row["name"] + (chance.choice(_LEGAL) if row["chinese"] else " " + chance.choice(_FORMS))
        ).strip()
    elif not row.get("family") or not row.get("given"):
        return
    elif row["chinese"]:
        family, given = "".join(han.surname_readings(row["family"])[0]), han.syllables(row["given"])
        spelt = "".join(given).capitalize() if chance.random() < 0.7 else " ".join(given).title()
        ways = (
            {"full": f"{family.title()} {spelt}"},
            {"full": f"{spelt} {family.title()}"},
            {"full": row["family"] + row["given"]},
        )
        row.update({"family": "", "given": "", **chance.choice(ways)})
    else:
        short = _LATIN_GIVEN.get(row["given"], "")
        kind = chance.random()
        if kind < 0.5 and short:
            row["given"] = short
        elif kind < 0.75:
            row["family"], row["given"] = row["given"], row["family"]
        else:
            row.update({"full": f"{row['given']} {row['family']}", "family": "", "given": ""})


def _digits(chance: random.Random, row: Row) -> None:
    column = chance.choice(("phone", "identity", "postcode"))
    row[column] = transposed(chance, row.get(column) or "")


def _date(chance: random.Random, row: Row) -> None:
    if row.get("birth"):
        year, month, day = row["birth"].split("-")
        row["birth"] = chance.choice(
            (
                f"{year}-{day}-{month}" if int(day) <= 12 else row["birth"],
                f"{year}-01-01",
                transposed(chance, year) + f"-{month}-{day}",
            )
        )


def _moved(chance: random.Random, row: Row) -> None:
    fresh = _person(
        chance, {"chinese": row["chinese"], "family": "x", "city": row.get("city"), "postcode": "", "address": ""}
    )
    row["phone"] = fresh["phone"] if chance.random() < 0.5 else row.get("phone")
    row["postcode"], row["address"] = f"{chance.randint(100_000, 999_999)}", ""


def _mail(chance: random.Random, row: Row) -> None:
    if row.get("email"):
        row["email"] = (
            row["email"].split("@")[0] + "@" + chance.choice(_HOSTS)
            if chance.random() < 0.5
            else typo(chance, row["email"])
        )


def _typo(chance: random.Random, row: Row) -> None:
    column = chance.choice(("family", "given", "address", "organisation"))
    if row.get(column) and not (row["chinese"] and column != "address"):
        row[column] = typo(chance, row[column])


def transposed(chance: random.Random, text: str) -> str:
    """Swaps two neighbours that differ; a text without any stays."""
    places = [
        place
        for place in range(1, len(text))
        if text[place] != text[place - 1] and text[place - 1 : place + 1].isalnum()
    ]
    if not places:
        return text
    place = chance.choice(places)
    return text[: place - 1] + text[place] + text[place - 1] + text[place + 1 :]


def typo(chance: random.Random, text: str) -> str:
    """Leaves a letter out, doubles one, takes another one, or transposes two."""
    place, kind = chance.randrange(len(text)), chance.randrange(4)
    if kind == 0 and len(text) > 2:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[:place] + text[place] + text[place:]
    if kind == 2:
        return text[:place] + chance.choice("abcdefghijklmnopqrstuvwxyz") + text[place + 1 :]
    return transposed(chance, text)
