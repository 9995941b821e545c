"""`python -m capacity api | worker | relay | migrate | parked | restored`."""

from capacity.bootstrap import SERVICE
from chassis.command import commands

cli = commands(SERVICE)

if __name__ == "__main__":
    cli()
