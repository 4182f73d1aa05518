"""The complaint service: `python -m marque_complaint serve | work | migrate`."""

from servicekit.memory import growing

with growing():
    from servicekit.service import main

    from marque_complaint.service import build
    from marque_complaint.settings import Settings

main(build, Settings, "complaint")
