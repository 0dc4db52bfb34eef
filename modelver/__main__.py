"""`python -m modelver`."""

from modelver.cli.__main__ import main

if __name__ == "__main__":
    main()
