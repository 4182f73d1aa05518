"""What the customer service does: one function, one transaction."""
