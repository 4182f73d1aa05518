"""All SQL of the campaign service; visibility is applied here."""
