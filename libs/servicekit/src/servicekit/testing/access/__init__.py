"""The permission suite: who sees which row (rows), how each RPC is called (fixtures), a world of rows, calls, judgements."""
