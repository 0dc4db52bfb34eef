"""Commands that compare: diff, compare."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from modelver.cli import github
from modelver.cli.render import present, present_as
from modelver.cli.shared import choose_format, registry
from modelver.errors import CannotTell


class DiffFormat(StrEnum):
    """How a comparison is shown."""

    text = "text"
    md = "md"
    json = "json"
    html = "html"


def diff(
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="[A]", help="The version, or ./file, to compare with.")],
    b: Annotated[str | None, typer.Argument(metavar="B", help="The version, or ./file, that is looked at.")] = None,
    format: Annotated[
        DiffFormat, typer.Option(help="For the terminal, a pull request's comment, a program, or a browser.")
    ] = DiffFormat.text,
    samples: Annotated[
        bool, typer.Option("--samples/--no-samples", help="Compare the predictions of both, where there are some.")
    ] = True,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit code 1 where B is worse, 9 where nobody can tell.")
    ] = False,
    ci: Annotated[
        bool,
        typer.Option("--ci", help="Also write the summary and outputs of a GitHub job, where its files are named."),
    ] = False,
) -> None:
    """Compare two versions: metrics, samples, parameters, similarity, and which of the two the numbers speak for.

    With one version, it is compared with the one in production, else with the version before it. Whether more
    is better is configured (metrics:) or told by a word of the metric's name; of others nothing is said. Where both
    versions have predictions, differences come with their 95 % intervals.

    \b
    Examples:
      modelver diff fraud@production fraud
      modelver diff fraud --format md > comment.md
      modelver diff fraud@1.0.0 fraud@1.1.0 --json
      modelver diff fraud ./model.safetensors
      modelver diff fraud --fail-if-worse
    """
    choose_format(context, format)
    try:
        result = registry(context).diff(a, b, samples=samples)
    except CannotTell as error:
        if ci:
            github.report_error(error, os.environ)
        raise
    present_as(context, result, format)
    if ci:
        github.report(result, os.environ)
    if fail_if_worse:
        from modelver.domain.gates import not_worse, refuse

        refuse(not_worse(result.comparison), result.b.name, "--fail-if-worse")


def compare(
    context: typer.Context,
    refs: Annotated[list[str], typer.Argument(metavar="REF...", help="Two or more versions.")],
    metric: Annotated[
        str | None,
        typer.Option(metavar="METRIC", help="What to rank by; by default the configuration's primary metric."),
    ] = None,
) -> None:
    """Rank several versions by a metric, the best first.

    \b
    Examples:
      modelver compare fraud fraud~1 fraud~2
      modelver compare fraud@production fraud@staging fraud --metric auc
    """
    present(context, registry(context).compare(refs, metric=metric))
