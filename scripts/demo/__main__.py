"""The command line of the demonstration: `make demo`, `make demo-up`, `make demo-down`."""

import argparse
import os
import signal
import sys

from scripts.demo import keeper, story
from scripts.demo.stage import stage
from scripts.demo.terminal import BrokenStoryError, Terminal


def demonstrate() -> int:
    """Tell the whole story and end everything; give the exit code."""
    with stage() as played:
        try:
            story.tell(played, Terminal(played.server))
        except BrokenStoryError as broken:
            print(f"\nThe story broke: {broken}. The server's last words:", file=sys.stderr)
            print(played.server.log_path.read_text()[-3000:], file=sys.stderr)
            return 1
    print("\nThe whole story went as told, and all that was started has ended.")
    return 0


def main() -> int:
    """Choose; give the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    parser.set_defaults(run=demonstrate)
    for option, run in (("--up", keeper.up), ("--keep", keeper.keep), ("--down", keeper.down)):
        choice.add_argument(option, dest="run", action="store_const", const=run, help=run.__doc__)
    os.umask(0o077)  # whoever reads what is left of it may act as root of its server
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started ends
    return int(parser.parse_args().run())


if __name__ == "__main__":
    sys.exit(main())
