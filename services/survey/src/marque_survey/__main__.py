"""The survey service: `python -m marque_survey serve | work | migrate`."""

from servicekit.memory import growing

with growing():
    from servicekit.service import main

    from marque_survey.service import build
    from marque_survey.settings import Settings

main(build, Settings, "survey")
