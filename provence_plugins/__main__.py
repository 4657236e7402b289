"""Start the command line, and handle Ctrl-C even while modules are still being loaded."""

import sys

from provence_plugins.cli import interrupts


def main() -> None:
    """Run the command `provence`."""
    try:
        interrupts.note_interrupts()
        from provence_plugins.cli.app import main as run

        run()
    except BaseException as stop:
        has_said_so = isinstance(stop, SystemExit) and stop.code == interrupts.INTERRUPTED
        if not (has_said_so or isinstance(stop, KeyboardInterrupt) or interrupts.was_interrupted()):
            raise
        if not has_said_so:
            sys.stderr.write("provence: Interrupted.\n")
        interrupts.end_process()


if __name__ == "__main__":
    main()
