"""`cme-gateway`, and `python -m gateway`: whatever stops it, a person sees a sentence and no traceback."""

import sys


def main() -> None:
    """The entry point. The rest is loaded inside, because Ctrl-C may come while it is."""
    try:
        from gateway.cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
