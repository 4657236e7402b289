"""The entry point of the command line, which an interrupt reaches while modules are still being loaded too."""

import sys


def main() -> None:
    """Run the command `provence`."""
    try:
        from provence_plugins.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("provence: Interrupted.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
