"""The platform's tables, and those of customers, contact points, relations, consents, the time line and known cars."""

from alembic import op
from servicekit.db.tables import create_v1, statements

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE customers (
    customer_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    kind smallint NOT NULL, status smallint NOT NULL DEFAULT 1, status_time timestamptz NOT NULL DEFAULT now(),
    merged_into uuid CONSTRAINT fk_customers_merged_into REFERENCES customers,
    family_name text NOT NULL DEFAULT '', given_name text NOT NULL DEFAULT '', full_name text NOT NULL DEFAULT '',
    latin_name text NOT NULL DEFAULT '', organisation_name text NOT NULL DEFAULT '',
    birth_date integer NOT NULL DEFAULT 0, gender smallint NOT NULL DEFAULT 0, language text NOT NULL DEFAULT '',
    preferred_channel smallint NOT NULL DEFAULT 0, time_zone text NOT NULL DEFAULT '', occupation text NOT NULL DEFAULT '',
    income_band text NOT NULL DEFAULT '', industry text NOT NULL DEFAULT '', interests text[] NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}', addresses jsonb NOT NULL DEFAULT '[]',
    search_text text NOT NULL DEFAULT '', search_tokens text[] NOT NULL DEFAULT '{}', card bytea NOT NULL DEFAULT '');
ALTER TABLE customers ALTER COLUMN card SET STORAGE EXTERNAL;
CREATE INDEX ix_customers_update_time ON customers (update_time, customer_id);
CREATE INDEX ix_customers_create_time ON customers (create_time, customer_id);
CREATE INDEX ix_customers_kind ON customers (kind, update_time, customer_id) WHERE kind <> 1;
CREATE INDEX ix_customers_tags ON customers USING gin (tags) WHERE tags <> '{}';
CREATE INDEX ix_customers_merged_into ON customers (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX ix_customers_search_text ON customers USING gin (search_text gin_trgm_ops);
CREATE INDEX ix_customers_search_tokens ON customers USING gin (search_tokens);
CREATE TABLE contact_points (
    contact_point_id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT fk_contact_points_customer_id REFERENCES customers,
    kind smallint NOT NULL, value text NOT NULL, match_key text NOT NULL, provider text NOT NULL DEFAULT '',
    label text NOT NULL DEFAULT '', is_primary boolean NOT NULL DEFAULT false, source text NOT NULL DEFAULT '',
    verify_time timestamptz, verification_method smallint NOT NULL DEFAULT 0, shared boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL,
    CONSTRAINT uq_contact_points_customer_id UNIQUE (customer_id, kind, match_key));
CREATE INDEX ix_contact_points_match_key ON contact_points (match_key, kind);
CREATE UNIQUE INDEX uq_contact_points_verified_phone ON contact_points (match_key)
    WHERE kind = 1 AND verify_time IS NOT NULL AND NOT shared;
CREATE TABLE source_references (
    source text NOT NULL, source_key text NOT NULL,
    customer_id uuid NOT NULL CONSTRAINT fk_source_references_customer_id REFERENCES customers,
    last_seen_time timestamptz NOT NULL, content_hash bytea, CONSTRAINT pk_source_references PRIMARY KEY (source, source_key));
CREATE INDEX ix_source_references_customer_id ON source_references (customer_id);
CREATE TABLE relations (
    relation_id uuid PRIMARY KEY, version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL,
    customer_id uuid NOT NULL CONSTRAINT fk_relations_customer_id REFERENCES customers, dealer_id uuid NOT NULL,
    kind smallint NOT NULL, start_time timestamptz NOT NULL, origin_type text NOT NULL DEFAULT '', origin_id text NOT NULL DEFAULT '',
    staff_id uuid, CONSTRAINT uq_relations_customer_id UNIQUE (customer_id, dealer_id, kind));
CREATE INDEX ix_relations_start_time ON relations (customer_id, start_time, relation_id);
CREATE TABLE dealer_customers (
    dealer_id uuid NOT NULL, customer_id uuid NOT NULL CONSTRAINT fk_dealer_customers_customer_id REFERENCES customers,
    update_time timestamptz NOT NULL, create_time timestamptz NOT NULL, kind smallint NOT NULL, status smallint NOT NULL,
    CONSTRAINT pk_dealer_customers PRIMARY KEY (customer_id, dealer_id));
CREATE INDEX ix_dealer_customers_update_time ON dealer_customers (dealer_id, update_time, customer_id);
CREATE INDEX ix_dealer_customers_create_time ON dealer_customers (dealer_id, create_time, customer_id);
CREATE TABLE consent_entries (
    consent_entry_id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT fk_consent_entries_customer_id REFERENCES customers, sequence bigint NOT NULL,
    purpose smallint NOT NULL, channel smallint NOT NULL, controller_kind smallint NOT NULL, controller_id text NOT NULL,
    action smallint NOT NULL, text_version text NOT NULL, source text NOT NULL, given_time timestamptz NOT NULL,
    evidence_type text NOT NULL, evidence_id text NOT NULL, known_time timestamptz NOT NULL, actor text NOT NULL,
    CONSTRAINT uq_consent_entries_sequence UNIQUE (customer_id, sequence),
    CONSTRAINT uq_consent_entries_known_time UNIQUE (customer_id, known_time));
CREATE INDEX ix_consent_entries_answer
    ON consent_entries (customer_id, purpose, channel, controller_kind, controller_id, known_time);
CREATE TABLE interactions (
    interaction_id uuid PRIMARY KEY,
    customer_id uuid NOT NULL CONSTRAINT fk_interactions_customer_id REFERENCES customers,
    kind smallint NOT NULL, direction smallint NOT NULL, channel smallint NOT NULL DEFAULT 0, occur_time timestamptz NOT NULL,
    duration_seconds integer, subject text NOT NULL DEFAULT '', subject_key text NOT NULL DEFAULT '',
    subject_params jsonb NOT NULL DEFAULT '{}', note text NOT NULL DEFAULT '', outcome text NOT NULL DEFAULT '', staff_id uuid,
    dealer_id uuid, vin text NOT NULL DEFAULT '', reference_type text NOT NULL DEFAULT '', reference_id text NOT NULL DEFAULT '',
    content_key text NOT NULL DEFAULT '', next_step text NOT NULL DEFAULT '', next_step_time timestamptz,
    create_time timestamptz NOT NULL);
CREATE INDEX ix_interactions_occur_time ON interactions (customer_id, occur_time, interaction_id);
CREATE UNIQUE INDEX uq_interactions_platform ON interactions (reference_type, reference_id, subject_key) WHERE subject_key <> '';
CREATE TABLE known_cars (
    ownership_id uuid PRIMARY KEY, customer_id uuid NOT NULL, vin text NOT NULL, role smallint NOT NULL,
    valid_start_time timestamptz, valid_end_time timestamptz, voided boolean NOT NULL DEFAULT false, version bigint NOT NULL,
    plate text NOT NULL DEFAULT '', plate_stale_time timestamptz);
CREATE INDEX ix_known_cars_plate_stale ON known_cars (plate_stale_time) WHERE plate_stale_time IS NOT NULL;
CREATE INDEX ix_known_cars_vin ON known_cars (vin);
CREATE INDEX ix_known_cars_customer_id ON known_cars (customer_id)
"""


def upgrade() -> None:
    """Creates the tables. A ledger entry is never changed or deleted: a trigger holds the service to it too."""
    create_v1(op.execute)
    for statement in statements(TABLES):
        op.execute(statement)
    op.execute(
        """
        CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
            IF TG_OP = 'UPDATE' AND OLD.actor <> NEW.actor AND NEW.actor = 'erased'
                AND to_jsonb(OLD) - 'actor' = to_jsonb(NEW) - 'actor' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'the consent ledger only grows';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER consent_ledger BEFORE UPDATE OR DELETE ON consent_entries"
        " FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change()"
    )
