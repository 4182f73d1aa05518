"""What is known of people for whom segments are asked, segments, whom campaigns leave out, and the segment of a campaign."""

from alembic import op

revision = "0005"
down_revision = "0004"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

STATEMENTS = [
    """
    CREATE TABLE audience_people (
        customer_id uuid NOT NULL, kind text, language text, market text, region text, city text, birth_month integer, birth_day integer,
        stage text, tier text, consents text[] NOT NULL DEFAULT '{}', interests text[] NOT NULL DEFAULT '{}',
        restricted boolean NOT NULL DEFAULT false, last_activity_date date, spend integer,
        visit_count integer NOT NULL DEFAULT 0, last_visit_date date, purchase_count integer NOT NULL DEFAULT 0, last_purchase_date date,
        open_cases integer NOT NULL DEFAULT 0, last_score double precision, last_score_date date,
        dealer_ids uuid[] NOT NULL DEFAULT '{}',
        CONSTRAINT pk_audience_people PRIMARY KEY (customer_id))
    """,
    "CREATE INDEX ix_audience_people_dealers ON audience_people USING gin (dealer_ids)",
    """
    CREATE TABLE audience_cars (
        vin text NOT NULL, person_id uuid, make text, model text, model_year integer, energy text, use text, odometer_km integer,
        sold_date date, warranty_end_date date, next_service_date date, open_recalls integer NOT NULL DEFAULT 0,
        CONSTRAINT pk_audience_cars PRIMARY KEY (vin))
    """,
    "CREATE INDEX ix_audience_cars_person ON audience_cars (person_id)",
    """
    CREATE TABLE audience_holdings (
        holding_id uuid NOT NULL, person_id uuid NOT NULL, kind text NOT NULL, vin text, end_date date, renewal_date date,
        CONSTRAINT pk_audience_holdings PRIMARY KEY (holding_id))
    """,
    "CREATE INDEX ix_audience_holdings_person ON audience_holdings (person_id)",
    """
    CREATE TABLE audience_deeds (
        kind integer NOT NULL, deed_id uuid NOT NULL, customer_id uuid, vin text NOT NULL, dealer_id uuid, moment timestamptz,
        standing boolean NOT NULL, heard_version bigint NOT NULL,
        CONSTRAINT pk_audience_deeds PRIMARY KEY (kind, deed_id))
    """,
    "CREATE INDEX ix_audience_deeds_customer ON audience_deeds (customer_id)",
    "CREATE INDEX ix_audience_deeds_vin ON audience_deeds (vin) WHERE kind = 1",
    """
    CREATE TABLE audience_scores (
        invitation_id uuid NOT NULL, customer_id uuid NOT NULL, score double precision NOT NULL, moment timestamptz NOT NULL,
        version bigint NOT NULL, CONSTRAINT pk_audience_scores PRIMARY KEY (invitation_id))
    """,
    "CREATE INDEX ix_audience_scores_customer ON audience_scores (customer_id)",
    # Each change adds a row of its own, so that nobody who marks waits for another.
    """
    CREATE TABLE audience_stale (
        mark_id bigint GENERATED ALWAYS AS IDENTITY, kind integer NOT NULL, key text NOT NULL, since timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_audience_stale PRIMARY KEY (mark_id))
    """,
    "CREATE INDEX ix_audience_stale_kind ON audience_stale (kind, mark_id)",
    f"""
    CREATE TABLE segments (
        segment_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, dealer_id uuid, rule text NOT NULL,
        archived boolean NOT NULL DEFAULT false,
        CONSTRAINT pk_segments PRIMARY KEY (segment_id))
    """,
    "CREATE INDEX ix_segments_create_time ON segments (create_time, segment_id)",
    "CREATE INDEX ix_segments_dealer ON segments (dealer_id, create_time, segment_id)",
    f"""
    CREATE TABLE suppression_rules (
        code text NOT NULL, {AGGREGATE}, rule text NOT NULL, kinds integer[] NOT NULL DEFAULT '{{}}', enabled boolean NOT NULL DEFAULT true,
        CONSTRAINT pk_suppression_rules PRIMARY KEY (code))
    """,
    # What holds until somebody says otherwise: no advertising while a complaint or recall is open, or right after a purchase.
    """
    INSERT INTO suppression_rules (code, version, create_time, update_time, rule, kinds) VALUES
        ('OPEN_COMPLAINT', 1, now(), now(), 'person.open_cases > 0', '{}'),
        ('RECALL_PENDING', 1, now(), now(), 'cars.exists(c, c.open_recalls > 0)', '{1,6,8}'),
        ('JUST_BOUGHT', 1, now(), now(), 'person.days_since_purchase < 30', '{6,8}')
    """,
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS segment_id uuid",
    "ALTER TABLE campaigns ADD COLUMN IF NOT EXISTS exclude_segment_ids uuid[] NOT NULL DEFAULT '{}'",
]


def upgrade() -> None:
    """Adds tables and columns; nothing is rewritten."""
    for statement in STATEMENTS:
        op.execute(statement)
