"""`cme-gateway`, and `python -m gateway`: whatever stops it, a person sees a sentence and no traceback."""

import gc
import sys


def main() -> None:
    """Run the command. The rest is loaded inside, because Ctrl-C may come while it is."""
    try:
        # Of what is loaded nothing is garbage, and looking for it takes a tenth of the start.
        gc.disable()
        from gateway.cli import main as command

        gc.enable()
        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
