"""The commands of the local stack: demo, local, test, stop."""

import argparse
import sys

from .problem import Problem


def main() -> int:
    """Runs one command; Ctrl-C ends it and everything that it started."""
    arguments = argparse.ArgumentParser(prog="rig", description=__doc__)
    commands = arguments.add_subparsers(dest="command", required=True)
    commands.add_parser("demo")
    commands.add_parser("stop")
    commands.add_parser("local").add_argument("--port", type=int, default=8420)
    test = commands.add_parser("test")
    test.add_argument("--only", choices=("rust", "journeys"))
    given = arguments.parse_args()
    try:
        if given.command == "demo":
            from . import demo
            return demo.run()
        if given.command == "local":
            from . import local
            return local.run(given.port)
        if given.command == "test":
            from . import testing
            return testing.run(given.only)
        from .stack import stop_all
        print(f"stopped {stop_all()} stack(s)")
        return 0
    except Problem as problem:
        print("\n  " + str(problem).replace("\n", "\n  ") + "\n", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\n  stopped; nothing is left running", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
