"""What the network service does: one function, one transaction."""
