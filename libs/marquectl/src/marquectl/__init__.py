"""The operator's command: a client of the platform like any dealer system, through its public doors only."""
