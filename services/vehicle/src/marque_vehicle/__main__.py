"""The vehicle service: `python -m marque_vehicle serve | work | migrate`."""

from servicekit.memory import growing

with growing():
    from servicekit.service import main

    from marque_vehicle.service import build
    from marque_vehicle.settings import Settings

main(build, Settings, "vehicle")
