"""Articles of knowledge with their versions, and what readers said of them."""

from alembic import op

revision = "0008"
down_revision = "0007"

AGGREGATE = "version bigint NOT NULL, create_time timestamptz NOT NULL, update_time timestamptz NOT NULL"

TABLES = [
    f"""
    CREATE TABLE IF NOT EXISTS knowledge_articles (
        article_code text NOT NULL, {AGGREGATE}, kind integer NOT NULL, latest integer NOT NULL, open boolean NOT NULL, dealer_id uuid,
        retired boolean NOT NULL, components text[] NOT NULL, search_text text NOT NULL, search_tokens text[] NOT NULL,
        helpful_count integer NOT NULL DEFAULT 0, unhelpful_count integer NOT NULL DEFAULT 0, solved_count integer NOT NULL DEFAULT 0,
        CONSTRAINT pk_knowledge_articles PRIMARY KEY (article_code))
    """,
    "CREATE INDEX IF NOT EXISTS ix_knowledge_articles_text ON knowledge_articles USING gin (search_text gin_trgm_ops)",
    "CREATE INDEX IF NOT EXISTS ix_knowledge_articles_tokens ON knowledge_articles USING gin (search_tokens)",
    """
    CREATE TABLE IF NOT EXISTS knowledge_versions (
        article_code text NOT NULL, number integer NOT NULL, effective_date date NOT NULL, document jsonb NOT NULL,
        create_time timestamptz NOT NULL, CONSTRAINT pk_knowledge_versions PRIMARY KEY (article_code, number))
    """,
    """
    CREATE TABLE IF NOT EXISTS knowledge_ratings (
        article_code text NOT NULL, reader_key text NOT NULL, helpful boolean NOT NULL, solved boolean NOT NULL,
        create_time timestamptz NOT NULL, CONSTRAINT pk_knowledge_ratings PRIMARY KEY (article_code, reader_key))
    """,
]


def upgrade() -> None:
    """Creates the tables. May be run again from its beginning."""
    for statement in TABLES:
        op.execute(statement)
