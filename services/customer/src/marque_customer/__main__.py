"""The customer service: `python -m marque_customer serve | work | migrate`."""

from servicekit.service import main

from marque_customer.service import build
from marque_customer.settings import Settings

main(build, Settings, "customer")
