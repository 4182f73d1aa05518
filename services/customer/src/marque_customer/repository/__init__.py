"""All SQL of the customer service."""
