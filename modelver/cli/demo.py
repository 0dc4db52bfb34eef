"""The tour: `modelver demo`."""

from __future__ import annotations

import sys

import typer

from modelver.cli.render import as_text
from modelver.cli.shared import choices


def demo(context: typer.Context) -> None:
    """Show what modelver does, in a throw-away repository, in seconds.

    Trains two small models for real, registers, labels and compares them, promotes, rolls back, brings the
    first one back and verifies all. Every command is printed before its output. Needs no network, and leaves
    the repository to explore.

    \b
    Examples:
      modelver demo
      modelver demo --json
    """
    from modelver.demo.tour import tour
    from modelver.operations.results import as_json

    chosen = choices(context)
    made = tour(None if chosen.quiet else sys.stderr if chosen.json else sys.stdout)
    if chosen.json:
        print(as_text(as_json(made)))
    elif chosen.quiet:
        print(made.path)
    else:
        print(f"\nThat took {made.seconds:.1f} s. The repository is yours to explore:\n  cd {made.path}")
