"""What a job of GitHub Actions is told: a summary for people, outputs for the next steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modelver import files
from modelver.errors import CannotTell

if TYPE_CHECKING:
    from modelver.operations.compared import Difference

SUMMARY, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
"""The variables that name the files; a job of another kind has neither."""


def report(result: Difference, environment: Mapping[str, str]) -> None:
    """Append the comparison to the job's summary, and recommendation, version and improved to its outputs."""
    from modelver.reports import markdown

    _summarise(environment, markdown.difference(result))
    _tell(environment, result.recommendation, result.b.version or "")


def report_error(error: CannotTell, environment: Mapping[str, str]) -> None:
    """The same where the predictions of both do not belong together."""
    from modelver.reports.markdown import code

    _summarise(environment, f"## Not compared\n\n{code(error.message, len(error.message))}")
    _tell(environment, "INSUFFICIENT_DATA", "")


def _summarise(environment: Mapping[str, str], text: str) -> None:
    if path := environment.get(SUMMARY):
        _append(path, text + "\n")


def _tell(environment: Mapping[str, str], recommendation: str, version: str) -> None:
    """The outputs: fixed words and an id, nothing that comes from people, so no line can be smuggled in."""
    if path := environment.get(OUTPUT):
        improved = "true" if recommendation == "RECOMMEND_B" else "false"
        values = {"recommendation": recommendation, "version": version, "improved": improved}
        _append(path, "".join(f"{name}={value}\n" for name, value in values.items()))


def _append(path: str, text: str) -> None:
    with files.disk_errors("write for the job"), open(path, "a", encoding="utf-8") as stream:
        stream.write(text)
