"""``python -m embedded run | stop | status | logs | reset``; the settings are in the environment."""

import argparse
import sys
from collections.abc import Sequence

from embedded import run
from embedded.errors import CannotStartError


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="embedded", description="The whole system on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("run", help="start everything and keep it running").set_defaults(do=lambda _: run.run())
    commands.add_parser("stop", help="stop a system whose terminal is lost").set_defaults(do=lambda _: run.stop())
    commands.add_parser("status", help="processes, states, restarts, memory").set_defaults(do=lambda _: run.status())
    commands.add_parser("reset", help="forget all local data").set_defaults(do=lambda _: run.reset())
    logs = commands.add_parser("logs", help="the end of every log")
    logs.add_argument("--follow", action="store_true", help="and what comes")
    logs.set_defaults(do=lambda given: run.logs(follow=given.follow))
    given = parser.parse_args(arguments)
    try:
        return int(given.do(given))
    except CannotStartError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
