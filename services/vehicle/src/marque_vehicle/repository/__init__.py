"""All SQL of the vehicle service, by noun."""
