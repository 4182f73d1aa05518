"""Words by which cases are counted, what is counted of each case, what was learned from past ones, and signals of defects."""

import json

from alembic import op
from servicekit.db.migrate import backfill

revision = "0005"
down_revision = "0004"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    f"""
    CREATE TABLE IF NOT EXISTS case_terms (
        scheme integer NOT NULL, code text NOT NULL, {AGGREGATE}, names jsonb NOT NULL DEFAULT '{{}}',
        aliases text[] NOT NULL DEFAULT '{{}}', product boolean NOT NULL DEFAULT false, retired boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_case_terms PRIMARY KEY (scheme, code))
    """,
    # What changed and is to be counted anew. A row of its own, so that counting never touches the case.
    """
    CREATE TABLE IF NOT EXISTS case_marks (
        case_id uuid NOT NULL, CONSTRAINT pk_case_marks PRIMARY KEY (case_id))
    """,
    """
    CREATE TABLE IF NOT EXISTS case_facts (
        case_id uuid NOT NULL, ordinal integer NOT NULL, month date NOT NULL, receive_time timestamptz NOT NULL, dealer_id uuid,
        kind integer NOT NULL, severity integer NOT NULL, make text NOT NULL, model text NOT NULL, model_year integer NOT NULL,
        system text NOT NULL, leads_system boolean NOT NULL, component text NOT NULL, category text NOT NULL,
        predicted boolean NOT NULL, category_predicted boolean NOT NULL, system_score real NOT NULL, category_score real NOT NULL,
        suggester_version integer NOT NULL, basis bigint NOT NULL, mileage_from_km integer NOT NULL, place text NOT NULL,
        response integer NOT NULL, resolution integer NOT NULL, reopened boolean NOT NULL, is_open boolean NOT NULL,
        CONSTRAINT pk_case_facts PRIMARY KEY (case_id, ordinal))
    """,
    """
    CREATE INDEX IF NOT EXISTS ix_case_facts_month ON case_facts (month) INCLUDE (
        dealer_id, kind, severity, make, model, model_year, system, leads_system, component, category, predicted,
        category_predicted, mileage_from_km, place, response, resolution, reopened, is_open, ordinal)
    """,
    "CREATE INDEX IF NOT EXISTS ix_case_facts_dealer_month ON case_facts (dealer_id, month) WHERE dealer_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS ix_case_facts_series ON case_facts (make, model, model_year, system, receive_time, case_id)",
    # What was counted by older words, or predicted by what was learned before, to be counted anew.
    "CREATE INDEX IF NOT EXISTS ix_case_facts_basis ON case_facts (basis, case_id) WHERE ordinal = 0",
    """
    CREATE TABLE IF NOT EXISTS case_suggesters (
        version integer NOT NULL, create_time timestamptz NOT NULL, train_time timestamptz, too_few boolean NOT NULL DEFAULT false,
        decided_count bigint NOT NULL DEFAULT 0, measures jsonb NOT NULL DEFAULT '[]', document bytea,
        CONSTRAINT pk_case_suggesters PRIMARY KEY (version))
    """,
    f"""
    CREATE TABLE IF NOT EXISTS defect_signals (
        signal_id uuid NOT NULL, {AGGREGATE}, make text NOT NULL, model text NOT NULL, model_year integer NOT NULL, system text NOT NULL,
        basis integer NOT NULL, change_month date NOT NULL, before_count integer NOT NULL, after_count integer NOT NULL,
        predicted_count integer NOT NULL, before_level double precision NOT NULL, after_level double precision NOT NULL,
        log_evidence double precision NOT NULL, false_alarm_rate double precision NOT NULL, mute_time timestamptz,
        mute_reason text NOT NULL DEFAULT '', follower_count integer NOT NULL DEFAULT 0,
        CONSTRAINT pk_defect_signals PRIMARY KEY (signal_id),
        CONSTRAINT uq_defect_signals_series UNIQUE (make, model, model_year, system))
    """,
    "CREATE INDEX IF NOT EXISTS ix_defect_signals_create_time ON defect_signals (create_time, signal_id)",
    """
    CREATE TABLE IF NOT EXISTS defect_followers (
        signal_id uuid NOT NULL REFERENCES defect_signals, staff_id uuid NOT NULL,
        CONSTRAINT pk_defect_followers PRIMARY KEY (signal_id, staff_id))
    """,
    """
    CREATE TABLE IF NOT EXISTS defect_scans (
        scan_number bigint GENERATED ALWAYS AS IDENTITY, create_time timestamptz NOT NULL, finish_time timestamptz,
        series_count integer NOT NULL DEFAULT 0, rate_series_count integer NOT NULL DEFAULT 0, signal_count integer NOT NULL DEFAULT 0,
        false_alarm_rate double precision NOT NULL DEFAULT 0, CONSTRAINT pk_defect_scans PRIMARY KEY (scan_number))
    """,
    "CREATE INDEX IF NOT EXISTS ix_defect_scans_waiting ON defect_scans (scan_number) WHERE finish_time IS NULL",
]
CATEGORY, COMPONENT, CAUSE, REMEDY = 1, 2, 3, 4
# The parts of a car by the names of the United States' authority, with what it and Chinese portals also call them; then what is no part.
PARTS = [
    ("ENGINE", "Engine", "发动机", ["ENGINE AND ENGINE COOLING"]),
    ("POWER TRAIN", "Power train", "传动系", ["TRANSMISSION", "变速器", "变速箱", "离合器"]),
    ("SERVICE BRAKES", "Brakes", "制动系", ["BRAKES", "SERVICE BRAKES, HYDRAULIC", "SERVICE BRAKES, AIR", "SERVICE BRAKES, ELECTRIC"]),
    ("PARKING BRAKE", "Parking brake", "驻车制动", []),
    ("STEERING", "Steering", "转向系", ["转向系统"]),
    ("SUSPENSION", "Suspension", "悬架系", ["悬架系统"]),
    ("WHEELS", "Wheels and tyres", "轮胎和车轮", ["TIRES", "轮胎", "车轮"]),
    ("ELECTRICAL SYSTEM", "Electrical system", "电气设备", ["COMMUNICATION"]),
    ("HYBRID PROPULSION SYSTEM", "Battery and electric drive", "动力电池与电驱动", ["动力电池及电源管理系统", "电力驱动系统"]),
    ("FUEL SYSTEM", "Fuel system", "燃油系统", [
        "FUEL/PROPULSION SYSTEM", "FUEL SYSTEM, GASOLINE", "FUEL SYSTEM, DIESEL", "FUEL SYSTEM, OTHER"]),
    ("AIR BAGS", "Air bags and seat belts", "气囊和安全带", ["SEAT BELTS", "安全气囊", "安全带"]),
    ("STRUCTURE", "Body", "车身", ["LATCHES/LOCKS/LINKAGES"]),
    ("VISIBILITY", "Glass and wipers", "玻璃与雨刮", ["VISIBILITY/WIPER"]),
    ("EXTERIOR LIGHTING", "Lights", "车灯", ["INTERIOR LIGHTING"]),
    ("EQUIPMENT", "Accessories and equipment", "附加设备", ["SEATS", "CHILD SEAT", "EQUIPMENT ADAPTIVE/MOBILITY"]),
    ("DRIVER ASSISTANCE", "Driver assistance", "驾驶辅助", [
        "FORWARD COLLISION AVOIDANCE", "BACK OVER PREVENTION", "LANE DEPARTURE", "ELECTRONIC STABILITY CONTROL",
        "ELECTRONIC STABILITY CONTROL (ESC)", "TRACTION CONTROL SYSTEM", "VEHICLE SPEED CONTROL"]),
]  # fmt: skip
TRADE = [
    ("SALES", "Sales practice", "销售", ["销售欺诈"]),
    ("PROMISES", "Broken promises", "承诺", ["承诺不兑现"]),
    ("SERVICE", "Service", "服务", ["服务态度", "服务收费", "人员技术"]),
    ("PARTS SUPPLY", "Parts supply", "配件", ["配件争议"]),
    ("OTHER", "Other", "其他", ["UNKNOWN OR OTHER", "其他原因", "OTHER/I AM NOT SURE"]),
]
CATEGORIES = [
    ("FAULT", "Fault of the car", "质量问题"), ("SERVICE", "Service", "服务问题"), ("SALES", "Sales", "销售问题"),
    ("PARTS", "Parts", "配件问题"),
    ("PRICE", "Price", "价格问题"), ("CONTRACT", "Contract and delivery", "合同与交付"), ("OTHER", "Other", "其他问题"),
]  # fmt: skip
CAUSES = [
    ("DESIGN", "Design", "设计"), ("MANUFACTURE", "Manufacture", "制造"), ("PART", "Faulty part", "零件缺陷"),
    ("SOFTWARE", "Software", "软件"),
    ("REPAIR", "Repair", "维修"), ("HANDLING", "How the customer was treated", "服务过程"), ("USE", "Use of the car", "使用"),
    ("INFORMATION", "What was told", "信息告知"), ("NOT_FOUND", "Not found", "未查明"),
]  # fmt: skip
REMEDIES = [
    ("REPAIRED", "Repaired", "维修"), ("REPLACED_PART", "Part replaced", "更换零件"), ("REPLACED_CAR", "Car replaced", "换车"),
    ("REFUNDED", "Refunded", "退款"), ("COMPENSATED", "Compensated", "补偿"), ("EXPLAINED", "Explained", "解释说明"),
    ("APOLOGISED", "Apologised", "道歉"), ("NOTHING", "Nothing", "无"),
]  # fmt: skip


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _term(scheme: int, code: str, english: str, chinese: str, aliases: list[str], product: bool) -> str:
    names = _quoted(json.dumps({"en": english, "zh-CN": chinese}, ensure_ascii=False))
    known = ", ".join(
        _quoted(alias) for alias in dict.fromkeys([*aliases, *([chinese] if scheme == COMPONENT else [])])
    )
    return f"({scheme}, {_quoted(code)}, 1, now(), now(), {names}, ARRAY[{known}]::text[], {str(product).lower()})"


def _terms() -> str:
    rows = [_term(COMPONENT, *part, True) for part in PARTS] + [_term(COMPONENT, *part, False) for part in TRADE]
    for scheme, words in ((CATEGORY, CATEGORIES), (CAUSE, CAUSES), (REMEDY, REMEDIES)):
        rows += [_term(scheme, *word, [], False) for word in words]
    columns = "scheme, code, version, create_time, update_time, names, aliases, product"
    return f"INSERT INTO case_terms ({columns}) VALUES {', '.join(rows)} ON CONFLICT DO NOTHING"  # noqa: S608 - our own words


def upgrade() -> None:
    """Creates the tables; every case is marked to be counted. May be run again from its beginning."""
    for statement in TABLES:
        op.execute(statement)
    op.execute(_terms().replace(":", r"\:"))
    backfill(
        "INSERT INTO case_marks SELECT c.case_id FROM cases c WHERE NOT EXISTS (SELECT FROM case_marks m WHERE m.case_id = c.case_id) "
        "ORDER BY c.case_id LIMIT 5000"
    )
