"""Events that people register for, and codes of offers."""

from alembic import op
from servicekit.db.migrate import build_indexes

revision = "0010"
down_revision = "0009"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

STATEMENTS = [
    # `arrivals` numbers who came in; `moves` counts how often the place was changed.
    f"""
    CREATE TABLE marketing_events (
        marketing_event_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, kind integer NOT NULL, dealer_id uuid,
        place text NOT NULL DEFAULT '', time_zone text NOT NULL, open_time timestamptz, close_time timestamptz,
        cancel_hours integer NOT NULL DEFAULT 0, most_guests integer NOT NULL DEFAULT 0, state integer NOT NULL,
        moves integer NOT NULL DEFAULT 0, arrivals bigint NOT NULL DEFAULT 0,
        CONSTRAINT pk_marketing_events PRIMARY KEY (marketing_event_id))
    """,
    "CREATE INDEX ix_marketing_events_create_time ON marketing_events (create_time, marketing_event_id)",
    "CREATE INDEX ix_marketing_events_dealer ON marketing_events (dealer_id, create_time, marketing_event_id)",
    # The last word on seats is the database's, whatever the code above it believes.
    """
    CREATE TABLE event_sessions (
        session_id uuid NOT NULL, marketing_event_id uuid NOT NULL REFERENCES marketing_events, start_time timestamptz NOT NULL,
        end_time timestamptz NOT NULL, capacity integer NOT NULL, taken integer NOT NULL DEFAULT 0, moves integer NOT NULL DEFAULT 0,
        CONSTRAINT pk_event_sessions PRIMARY KEY (session_id),
        CONSTRAINT ck_event_sessions_seats CHECK (taken >= 0 AND taken <= capacity),
        CONSTRAINT ck_event_sessions_span CHECK (start_time < end_time))
    """,
    "CREATE INDEX ix_event_sessions_event ON event_sessions (marketing_event_id, start_time)",
    f"""
    CREATE TABLE event_registrations (
        registration_id uuid NOT NULL, {AGGREGATE}, marketing_event_id uuid NOT NULL REFERENCES marketing_events,
        session_id uuid NOT NULL REFERENCES event_sessions, customer_id uuid NOT NULL, guests integer NOT NULL DEFAULT 0,
        state integer NOT NULL, arrival bigint NOT NULL, send_id uuid, campaign_id uuid,
        CONSTRAINT pk_event_registrations PRIMARY KEY (registration_id),
        CONSTRAINT uq_event_registrations_person UNIQUE (marketing_event_id, customer_id))
    """,
    "CREATE INDEX ix_event_registrations_arrival ON event_registrations (marketing_event_id, arrival)",
    "CREATE INDEX ix_event_registrations_session ON event_registrations (session_id, state, arrival)",
    "CREATE INDEX ix_event_registrations_customer ON event_registrations (customer_id)",
    """
    CREATE TABLE offer_codes (
        code text NOT NULL, campaign_id uuid NOT NULL REFERENCES campaigns, customer_id uuid, send_id uuid,
        create_time timestamptz NOT NULL,
        CONSTRAINT pk_offer_codes PRIMARY KEY (code),
        CONSTRAINT uq_offer_codes_person UNIQUE NULLS NOT DISTINCT (campaign_id, customer_id))
    """,
    "CREATE INDEX ix_offer_codes_customer ON offer_codes (customer_id)",
    """
    CREATE TABLE offer_redemptions (
        redemption_id uuid NOT NULL, code text NOT NULL REFERENCES offer_codes, once_key text NOT NULL, customer_id uuid, dealer_id uuid,
        redeem_time timestamptz NOT NULL,
        CONSTRAINT pk_offer_redemptions PRIMARY KEY (redemption_id),
        CONSTRAINT uq_offer_redemptions_once UNIQUE (code, once_key))
    """,
    "CREATE INDEX ix_offer_redemptions_customer ON offer_redemptions (customer_id)",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS marketing_event_id uuid",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS event_notice integer NOT NULL DEFAULT 0",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS offer jsonb",
]


def upgrade() -> None:
    """Adds the tables and the columns, and what the campaigns of an event are found by."""
    for statement in STATEMENTS:
        op.execute(statement)
    build_indexes(
        {"ix_campaigns_marketing_event": "campaigns (marketing_event_id) WHERE marketing_event_id IS NOT NULL"}
    )
