"""The model catalogue, orders for cars with what the plant says of them, and the channel feed."""

from alembic import op

revision = "0008"
down_revision = "0007"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

CATALOGUE = [
    f"""
    CREATE TABLE catalogue_models (
        model_code text PRIMARY KEY, {AGGREGATE}, make text NOT NULL, series text NOT NULL, model text NOT NULL, names jsonb NOT NULL,
        model_year integer NOT NULL, energy integer NOT NULL, trims jsonb NOT NULL, options jsonb NOT NULL,
        required_groups text[] NOT NULL)
    """,
    # No day has two prices of one thing: judged by the database, whoever writes.
    """
    CREATE TABLE catalogue_prices (
        model_code text NOT NULL REFERENCES catalogue_models, item_code text NOT NULL, market text NOT NULL, valid_from date NOT NULL,
        valid_before date, currency text NOT NULL, amount bigint NOT NULL, update_time timestamptz NOT NULL,
        PRIMARY KEY (model_code, item_code, market, valid_from),
        CONSTRAINT ck_catalogue_prices_span CHECK (valid_before > valid_from),
        CONSTRAINT ck_catalogue_prices_amount CHECK (amount >= 0),
        CONSTRAINT ex_catalogue_prices_overlap EXCLUDE USING gist (
            model_code WITH =, item_code WITH =, market WITH =, daterange(valid_from, valid_before) WITH &&))
    """,
]

ORDERS = [
    # Stage, promise and car are what the applied messages say together, worked out anew whenever one more comes.
    f"""
    CREATE TABLE car_orders (
        order_id uuid PRIMARY KEY, {AGGREGATE}, order_code text NOT NULL, dealer_id uuid NOT NULL, customer_id uuid,
        model_code text NOT NULL, trim_code text NOT NULL, option_codes text[] NOT NULL, market text NOT NULL, order_date date NOT NULL,
        currency text NOT NULL, list_price bigint, stage integer NOT NULL, state integer NOT NULL, stage_time timestamptz NOT NULL,
        vin varchar(17) NOT NULL DEFAULT '', plant text NOT NULL DEFAULT '', station text NOT NULL DEFAULT '', promised_date date,
        promises jsonb NOT NULL, reached jsonb NOT NULL, late boolean NOT NULL DEFAULT false, lead_id uuid,
        quote_number text NOT NULL DEFAULT '', tracking_code text NOT NULL, cancel_reason text NOT NULL DEFAULT '', sale_id uuid,
        CONSTRAINT uq_car_orders_code UNIQUE (order_code))
    """,
    "CREATE UNIQUE INDEX uq_car_orders_vin ON car_orders (vin) WHERE vin <> '' AND state <> 3",
    "CREATE INDEX ix_car_orders_vin ON car_orders (vin, update_time, order_id)",
    "CREATE INDEX ix_car_orders_update_time ON car_orders (update_time, order_id)",
    "CREATE INDEX ix_car_orders_create_time ON car_orders (create_time, order_id)",
    "CREATE INDEX ix_car_orders_dealer_update_time ON car_orders (dealer_id, update_time, order_id)",
    "CREATE INDEX ix_car_orders_dealer_create_time ON car_orders (dealer_id, create_time, order_id)",
    "CREATE INDEX ix_car_orders_customer ON car_orders (customer_id, update_time, order_id) WHERE customer_id IS NOT NULL",
    "CREATE INDEX ix_car_orders_late ON car_orders (update_time, order_id) WHERE late AND state = 1",
    "CREATE INDEX ix_car_orders_dealer_late ON car_orders (dealer_id, update_time, order_id) WHERE late AND state = 1",
    # A promise is told to be broken once, however often it is made again.
    """
    CREATE TABLE car_order_lates (
        order_id uuid NOT NULL REFERENCES car_orders, promised_date date NOT NULL, tell_time timestamptz NOT NULL,
        PRIMARY KEY (order_id, promised_date))
    """,
    # What was said of orders, by the plant (1), the dealer (2), a sale (3). The order need not be known.
    """
    CREATE TABLE plant_messages (
        message_id text PRIMARY KEY, order_code text NOT NULL, stage integer NOT NULL, reach_time timestamptz NOT NULL,
        promised_date date, vin varchar(17) NOT NULL, plant text NOT NULL, station text NOT NULL, source integer NOT NULL,
        state integer NOT NULL, park_reason text NOT NULL, receive_time timestamptz NOT NULL)
    """,
    "CREATE INDEX ix_plant_messages_order ON plant_messages (order_code, receive_time, message_id)",
    "CREATE INDEX ix_plant_messages_receive_time ON plant_messages (receive_time, message_id)",
    "CREATE INDEX ix_plant_messages_parked ON plant_messages (receive_time, message_id) WHERE state = 2",
    "CREATE INDEX ix_plant_messages_parked_vin ON plant_messages (vin) WHERE state = 2 AND park_reason = 'VIN_OF_ANOTHER_ORDER'",
]

CHANNEL = [
    """
    CREATE TABLE channel_days (
        dealer_id uuid NOT NULL, day date NOT NULL, source text NOT NULL, stock_count bigint NOT NULL, stock_age_days bigint NOT NULL,
        stock_over_90_count bigint NOT NULL, parts_count bigint NOT NULL, currency text NOT NULL, parts_value bigint, receipts bigint,
        receivables bigint, update_time timestamptz NOT NULL, PRIMARY KEY (dealer_id, day, source))
    """,
    "CREATE INDEX ix_channel_days_day ON channel_days (day, dealer_id, source)",
]

SALES = [
    "ALTER TABLE sales ADD COLUMN order_id uuid",
    "ALTER TABLE sales ADD COLUMN trade_in jsonb",
    "ALTER TABLE sales ADD COLUMN margin bigint",
    "ALTER TABLE sales ADD COLUMN lead_id uuid",
    "ALTER TABLE sales ADD COLUMN quote_number text NOT NULL DEFAULT ''",
]


def upgrade() -> None:
    """Creates the tables, and the columns of sales."""
    for statement in (*CATALOGUE, *ORDERS, *CHANNEL, *SALES):
        op.execute(statement)
