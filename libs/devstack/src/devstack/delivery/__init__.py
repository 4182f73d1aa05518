"""How the platform reaches a cluster: what the charts say of the services is read from the services' own code."""
