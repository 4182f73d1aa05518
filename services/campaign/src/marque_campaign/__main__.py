"""The campaign service: `python -m marque_campaign serve | work | migrate`."""

from servicekit.memory import growing

with growing():
    from servicekit.service import main

    from marque_campaign.service import build
    from marque_campaign.settings import Settings

main(build, Settings, "campaign")
