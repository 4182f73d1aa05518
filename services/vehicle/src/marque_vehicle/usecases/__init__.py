"""What the vehicle service does: one function, one transaction."""
