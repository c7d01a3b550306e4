"""What does ``python -m bayesmeta`` do? The same as the command ``bayesmeta``."""

from bayesmeta.cli.main import main

if __name__ == "__main__":
    main()
