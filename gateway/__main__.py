"""`python -m gateway` is `cme-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
