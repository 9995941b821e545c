"""`python -m triage api | worker | relay | migrate | parked | restored`."""

from chassis.command import commands
from triage.bootstrap import SERVICE

cli = commands(SERVICE)

if __name__ == "__main__":
    cli()
