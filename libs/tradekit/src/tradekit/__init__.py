"""Pure arithmetic of the car trade, shared by the services: no input, no output, only values.

Modules: `vin`, `wmi`, `plate`, `phone`, `email`, `names` (with `han`), `search`, `money`, `clock`. Each refuses bad
input by an error of its own with a `reason`; no message repeats the value, which may be personal.
"""
