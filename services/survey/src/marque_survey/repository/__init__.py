"""All SQL of the survey service."""
