"""The clauses of the warranty."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Creates the table."""
    op.execute(
        """
        CREATE TABLE warranty_terms (
            term_code text NOT NULL, sold_from date NOT NULL, sold_before date, market text NOT NULL, make text NOT NULL,
            component_prefix text NOT NULL, months integer NOT NULL, km integer NOT NULL, clause text NOT NULL,
            update_time timestamptz NOT NULL, PRIMARY KEY (term_code, sold_from),
            CONSTRAINT ck_warranty_terms_span CHECK (sold_before > sold_from))
        """
    )
    op.execute("CREATE INDEX ix_warranty_terms_market ON warranty_terms (market, term_code, sold_from)")
