"""The network service: `python -m marque_network serve | work | migrate`."""

from servicekit.service import main

from marque_network.service import build
from marque_network.settings import Settings

main(build, Settings, "network")
