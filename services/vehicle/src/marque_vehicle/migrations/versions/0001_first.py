"""The platform's tables, cars, sales, ownerships and repair orders."""

from alembic import op
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

VEHICLES = [
    f"""
    CREATE TABLE vehicles (
        vin varchar(17) PRIMARY KEY, {AGGREGATE},
        engine_number text NOT NULL DEFAULT '', make text NOT NULL, series text NOT NULL DEFAULT '', model text NOT NULL,
        model_year integer NOT NULL DEFAULT 0, trim text NOT NULL DEFAULT '', exterior_colour text NOT NULL DEFAULT '',
        interior_colour text NOT NULL DEFAULT '', option_codes text[] NOT NULL DEFAULT '{{}}', plant text NOT NULL DEFAULT '',
        build_date date, plate_number text NOT NULL DEFAULT '', market text NOT NULL DEFAULT '', use integer NOT NULL DEFAULT 0,
        energy integer NOT NULL DEFAULT 0, status integer NOT NULL DEFAULT 1, odometer_km integer NOT NULL DEFAULT 0,
        odometer_time timestamptz)
    """,
    "CREATE INDEX ix_vehicles_update_time ON vehicles (update_time, vin)",
    "CREATE INDEX ix_vehicles_model ON vehicles (make, model, update_time, vin)",
    # What cars are searched by stands apart: a car changes with every visit, its numbers hardly ever, and each change of a row would write
    # all of these indexes again.
    """
    CREATE TABLE vehicle_search (
        vin varchar(17) PRIMARY KEY REFERENCES vehicles, search_text text NOT NULL, search_tokens text[] NOT NULL,
        plate_text text NOT NULL, plate_tokens text[] NOT NULL)
    """,
    "CREATE INDEX ix_vehicle_search_text ON vehicle_search USING gin (search_text gin_trgm_ops)",
    "CREATE INDEX ix_vehicle_search_tokens ON vehicle_search USING gin (search_tokens)",
    "CREATE INDEX ix_vehicle_search_plate_text ON vehicle_search USING gin (plate_text gin_trgm_ops) WHERE plate_text <> ''",
    "CREATE INDEX ix_vehicle_search_plate_tokens ON vehicle_search USING gin (plate_tokens) WHERE plate_text <> ''",
    # Which dealer has to do with which car: the scope of a dealer's lists. The car's time of change stands here too, so that a dealer's
    # list is read from one index; the trigger keeps it, whoever changes the car.
    """
    CREATE TABLE dealer_vehicles (
        dealer_id uuid NOT NULL, vin varchar(17) NOT NULL REFERENCES vehicles, update_time timestamptz NOT NULL,
        PRIMARY KEY (dealer_id, vin))
    """,
    "CREATE INDEX ix_dealer_vehicles_update_time ON dealer_vehicles (dealer_id, update_time, vin)",
    "CREATE INDEX ix_dealer_vehicles_vin ON dealer_vehicles (vin)",
    """
    CREATE FUNCTION carry_update_time() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE dealer_vehicles SET update_time = NEW.update_time WHERE vin = NEW.vin AND update_time <> NEW.update_time;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER carry_update_time AFTER UPDATE OF update_time ON vehicles
    FOR EACH ROW WHEN (OLD.update_time IS DISTINCT FROM NEW.update_time) EXECUTE FUNCTION carry_update_time()
    """,
]

SALES = [
    f"""
    CREATE TABLE sales (
        sale_id uuid PRIMARY KEY, {AGGREGATE},
        dealer_id uuid NOT NULL, vin varchar(17) NOT NULL REFERENCES vehicles, buyer_customer_id uuid, invoice_number text NOT NULL,
        invoice_date date NOT NULL, delivery_date date, start_time timestamptz NOT NULL, currency text NOT NULL DEFAULT '',
        price bigint, discount bigint, options jsonb NOT NULL DEFAULT '[]', adviser_staff_id uuid,
        adviser_employee_number text NOT NULL DEFAULT '', payment_kind integer NOT NULL DEFAULT 0, use integer NOT NULL,
        odometer_km integer NOT NULL DEFAULT 0, source text NOT NULL DEFAULT '', source_key text NOT NULL DEFAULT '',
        state integer NOT NULL, reversal_reason text NOT NULL DEFAULT '', reverse_time timestamptz,
        CONSTRAINT uq_sales_dealer_id UNIQUE (dealer_id, invoice_number),
        CONSTRAINT ck_sales_amounts CHECK (coalesce(price, 0) >= 0 AND coalesce(discount, 0) >= 0))
    """,
    "CREATE INDEX ix_sales_invoice_date ON sales (invoice_date, sale_id)",
    "CREATE INDEX ix_sales_update_time ON sales (update_time, sale_id)",
    "CREATE INDEX ix_sales_dealer_invoice_date ON sales (dealer_id, invoice_date, sale_id)",
    "CREATE INDEX ix_sales_dealer_update_time ON sales (dealer_id, update_time, sale_id)",
    "CREATE INDEX ix_sales_buyer ON sales (buyer_customer_id, invoice_date, sale_id) WHERE buyer_customer_id IS NOT NULL",
    "CREATE INDEX ix_sales_adviser ON sales (adviser_staff_id, invoice_date, sale_id) WHERE adviser_staff_id IS NOT NULL",
    "CREATE INDEX ix_sales_vin ON sales (vin, start_time)",
]

OWNERSHIPS = [
    # Bitemporal: rows are only ever added; a correction ends the known interval of a row and adds one. The first exclusion keeps a person
    # from having one role twice at a time, the second keeps one ownership from being known in two ways at a time.
    """
    CREATE TABLE ownerships (
        ownership_id uuid NOT NULL, version bigint NOT NULL, vin varchar(17) NOT NULL REFERENCES vehicles, customer_id uuid,
        role integer NOT NULL, valid_from timestamptz NOT NULL, valid_until timestamptz, known_from timestamptz NOT NULL,
        known_until timestamptz, sale_id uuid, source text NOT NULL DEFAULT '', end_reason integer NOT NULL DEFAULT 0,
        ended_by_sale_id uuid, PRIMARY KEY (ownership_id, version),
        CONSTRAINT ck_ownerships_valid CHECK (valid_until IS NULL OR valid_until > valid_from),
        CONSTRAINT ck_ownerships_known CHECK (known_until IS NULL OR known_until > known_from),
        CONSTRAINT ex_ownerships_overlap EXCLUDE USING gist (
            vin WITH =, customer_id WITH =, role WITH =,
            tstzrange(valid_from, valid_until) WITH &&, tstzrange(known_from, known_until) WITH &&),
        CONSTRAINT ex_ownerships_version EXCLUDE USING gist (
            ownership_id WITH =, tstzrange(known_from, known_until) WITH &&))
    """,
    "CREATE INDEX ix_ownerships_vin ON ownerships (vin, valid_from, ownership_id)",
    "CREATE INDEX ix_ownerships_customer ON ownerships (customer_id, valid_from, ownership_id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX ix_ownerships_sale ON ownerships (sale_id) WHERE sale_id IS NOT NULL",
    "CREATE INDEX ix_ownerships_ended_by_sale ON ownerships (ended_by_sale_id) WHERE ended_by_sale_id IS NOT NULL",
]

REPAIR_ORDERS = [
    f"""
    CREATE TABLE repair_orders (
        repair_order_id uuid PRIMARY KEY, {AGGREGATE},
        dealer_id uuid NOT NULL, number text NOT NULL, vin varchar(17) NOT NULL REFERENCES vehicles, customer_id uuid,
        state integer NOT NULL, stage integer NOT NULL, stage_history jsonb NOT NULL DEFAULT '[]', open_time timestamptz NOT NULL,
        promised_time timestamptz, close_time timestamptz, adviser_staff_id uuid, adviser_employee_number text NOT NULL DEFAULT '',
        odometer_in_km integer NOT NULL DEFAULT 0, odometer_out_km integer NOT NULL DEFAULT 0,
        odometer_replaced boolean NOT NULL DEFAULT false, fault_description text NOT NULL DEFAULT '',
        damage_description text NOT NULL DEFAULT '', owner_confirmed boolean NOT NULL DEFAULT false,
        comeback boolean NOT NULL DEFAULT false, comeback_of_repair_order_id uuid, currency text NOT NULL DEFAULT '',
        lines jsonb NOT NULL DEFAULT '[]', totals jsonb NOT NULL DEFAULT '[]', source text NOT NULL DEFAULT '',
        source_key text NOT NULL DEFAULT '',
        CONSTRAINT uq_repair_orders_dealer_id UNIQUE (dealer_id, number),
        CONSTRAINT ck_repair_orders_closed CHECK ((state = 1) = (close_time IS NULL)))
    """,
    "CREATE SEQUENCE repair_order_numbers",
    "CREATE INDEX ix_repair_orders_open_time ON repair_orders (open_time, repair_order_id)",
    "CREATE INDEX ix_repair_orders_update_time ON repair_orders (update_time, repair_order_id)",
    "CREATE INDEX ix_repair_orders_dealer_open_time ON repair_orders (dealer_id, open_time, repair_order_id)",
    "CREATE INDEX ix_repair_orders_dealer_update_time ON repair_orders (dealer_id, update_time, repair_order_id)",
    "CREATE INDEX ix_repair_orders_dealer_open ON repair_orders (dealer_id, open_time, repair_order_id) WHERE state = 1",
    "CREATE INDEX ix_repair_orders_customer ON repair_orders (customer_id, open_time, repair_order_id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX ix_repair_orders_adviser ON repair_orders (adviser_staff_id, open_time, repair_order_id) "
    "WHERE adviser_staff_id IS NOT NULL",
    "CREATE INDEX ix_repair_orders_vin ON repair_orders (vin, open_time, repair_order_id)",
]


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    for statement in (*VEHICLES, *SALES, *OWNERSHIPS, *REPAIR_ORDERS):
        op.execute(statement)
