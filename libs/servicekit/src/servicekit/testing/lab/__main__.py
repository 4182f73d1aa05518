"""The laboratory as a process, for tests that kill it: `python -m servicekit.testing.lab serve | work | migrate`."""

from servicekit.service import main
from servicekit.testing.lab.service import LabSettings, build

if __name__ == "__main__":
    main(build, LabSettings, "customer")
