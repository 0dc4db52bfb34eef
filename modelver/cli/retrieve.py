"""Commands that bring bytes back: checkout, cat, path."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from modelver.cli.render import present, show_remarks
from modelver.cli.shared import choices, registry
from modelver.errors import UsageError

_REF = "A version, and for a directory also the path of one file or directory in it."


def checkout(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF[:PATH]", help=_REF)],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="PATH", help="Where to; by default where it was registered.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over bytes that are registered nowhere.")] = False,
) -> None:
    """Put a version's bytes back into the work tree, verified.

    Never writes over a file whose bytes are those of no registered version, unless --force.

    \b
    Examples:
      modelver checkout fraud
      modelver checkout fraud~1 -o /tmp/before.safetensors
      modelver checkout nlp/sentiment:tokenizer.json -o tokenizer.json
    """
    present(context, registry(context).checkout(ref, output, force=force))


def cat(context: typer.Context, ref: Annotated[str, typer.Argument(metavar="REF[:PATH]", help=_REF)]) -> None:
    """Write a version's bytes, verified, to standard output.

    \b
    Examples:
      modelver cat fraud~1 | sha256sum
      modelver cat nlp/sentiment:config.json
    """
    if choices(context).json:
        raise UsageError("cat writes a model's bytes, so there is no --json", hint="modelver show REF --json")
    registry(context).stream(ref, sys.stdout.buffer.write)
    sys.stdout.buffer.flush()
    show_remarks(context)


def path(context: typer.Context, ref: Annotated[str, typer.Argument(metavar="REF[:PATH]", help=_REF)]) -> None:
    """Print the path of a version's verified bytes.

    The path is absolute, for reading without a copy. The file is read-only and shared by all that have these
    bytes: never write to it.

    \b
    Examples:
      modelver path fraud
      serve --model "$(modelver path fraud)"
    """
    present(context, registry(context).path(ref))
