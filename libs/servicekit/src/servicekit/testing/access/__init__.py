"""The permission suite's data and tools: who sees which row (rows), how each RPC is called (fixtures), a world of rows, calls and judgements."""
