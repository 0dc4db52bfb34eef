"""What a job of GitHub Actions is told: a summary for people, outputs for the next steps."""

from __future__ import annotations

from collections.abc import Mapping

from modelver import files
from modelver.domain.recommendation import RECOMMEND_B
from modelver.operations.compared import Difference

SUMMARY, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
"""The variables that name the files; a job of another kind has neither."""


def report(result: Difference, environment: Mapping[str, str]) -> None:
    """Append the comparison to the job's summary, and recommendation, version and improved to its outputs."""
    from modelver.reports import markdown

    if summary := environment.get(SUMMARY):
        _append(summary, markdown.difference(result) + "\n")
    if output := environment.get(OUTPUT):
        improved = "true" if result.recommendation == RECOMMEND_B else "false"
        # An id and fixed words: nothing that comes from people, so no line can be smuggled in.
        values = {"recommendation": result.recommendation, "version": result.b.version or "", "improved": improved}
        _append(output, "".join(f"{name}={value}\n" for name, value in values.items()))


def _append(path: str, text: str) -> None:
    with files.disk_errors(f"write {path}"), open(path, "a", encoding="utf-8") as stream:
        stream.write(text)
