"""The network service: `python -m marque_network serve | work | migrate`."""

from servicekit.memory import growing

with growing():
    from servicekit.service import main

    from marque_network.service import build
    from marque_network.settings import Settings

main(build, Settings, "network")
