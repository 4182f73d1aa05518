"""What the service does, one function for each RPC, event or due time."""
