"""The arithmetic of cases, pure: states, clocks, policy, signs of danger."""
