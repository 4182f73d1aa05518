"""All SQL of the complaint service; visibility is applied here."""
