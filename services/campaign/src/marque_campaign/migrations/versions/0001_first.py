"""The platform's tables, campaigns, templates of messages and lists of people."""

from alembic import op
from servicekit.db.tables import create_v1

revision = "0001"
down_revision = None

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    f"""
    CREATE TABLE message_templates (
        template_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, dealer_id uuid, channel integer NOT NULL,
        default_language text NOT NULL, variables jsonb NOT NULL, contents jsonb NOT NULL,
        CONSTRAINT pk_message_templates PRIMARY KEY (template_id))
    """,
    "CREATE INDEX ix_message_templates_create_time ON message_templates (create_time, template_id)",
    "CREATE INDEX ix_message_templates_dealer ON message_templates (dealer_id, create_time, template_id)",
    f"""
    CREATE TABLE audience_lists (
        audience_list_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, dealer_id uuid, member_count bigint NOT NULL DEFAULT 0,
        CONSTRAINT pk_audience_lists PRIMARY KEY (audience_list_id))
    """,
    "CREATE INDEX ix_audience_lists_create_time ON audience_lists (create_time, audience_list_id)",
    "CREATE INDEX ix_audience_lists_dealer ON audience_lists (dealer_id, create_time, audience_list_id)",
    """
    CREATE TABLE audience_list_members (
        audience_list_id uuid NOT NULL REFERENCES audience_lists, customer_id uuid NOT NULL, create_time timestamptz NOT NULL,
        CONSTRAINT pk_audience_list_members PRIMARY KEY (audience_list_id, customer_id))
    """,
    "CREATE INDEX ix_audience_list_members_customer ON audience_list_members (customer_id)",
    f"""
    CREATE TABLE campaigns (
        campaign_id uuid NOT NULL, {AGGREGATE}, name text NOT NULL, kind integer NOT NULL, dealer_id uuid,
        channel integer NOT NULL DEFAULT 0, purpose integer NOT NULL DEFAULT 0, legal_notice boolean NOT NULL DEFAULT false,
        template_id uuid REFERENCES message_templates, audience_list_id uuid REFERENCES audience_lists,
        given jsonb NOT NULL DEFAULT '{{}}', rate_per_minute integer NOT NULL DEFAULT 0, state integer NOT NULL,
        template_version bigint NOT NULL DEFAULT 0, frozen jsonb, author text NOT NULL, submitter text NOT NULL DEFAULT '',
        author_staff_id uuid, start_time timestamptz, launch_time timestamptz, finish_time timestamptz,
        CONSTRAINT pk_campaigns PRIMARY KEY (campaign_id),
        CONSTRAINT ck_campaigns_over CHECK ((state IN (7, 8)) = (finish_time IS NOT NULL)),
        CONSTRAINT ck_campaigns_frozen CHECK (state IN (1, 8) OR frozen IS NOT NULL))
    """,
    "CREATE INDEX ix_campaigns_create_time ON campaigns (create_time, campaign_id)",
    "CREATE INDEX ix_campaigns_dealer ON campaigns (dealer_id, create_time, campaign_id)",
    "CREATE INDEX ix_campaigns_author_staff ON campaigns (author_staff_id, campaign_id) WHERE author_staff_id IS NOT NULL",
]


def upgrade() -> None:
    """Creates the tables."""
    create_v1(op.execute)
    for statement in TABLES:
        op.execute(statement)
