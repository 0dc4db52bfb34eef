"""What a job of GitHub Actions is told: a summary for people, outputs for the next steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from modelver import files
from modelver.errors import CannotTell

if TYPE_CHECKING:
    from modelver.operations.compared import Difference
    from modelver.operations.together import Synced

SUMMARY, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
"""The variables that name the files; a job of another kind has neither."""


def report(result: Difference, environment: Mapping[str, str]) -> None:
    """Append the comparison to the job's summary, and recommendation, version and improved to its outputs."""
    from modelver.reports import markdown

    _summarise(environment, markdown.difference(result))
    _compared(environment, result.recommendation, result.b.version or "")


def report_error(error: CannotTell, environment: Mapping[str, str]) -> None:
    """The same where the predictions of both do not belong together."""
    from modelver.reports.markdown import code

    _summarise(environment, f"## Not compared\n\n{code(error.message, len(error.message))}")
    _compared(environment, "INSUFFICIENT_DATA", "")


def report_sync(result: Synced, environment: Mapping[str, str]) -> None:
    """Append what is new or wrong to the job's summary, and new tags and promotions, as JSON, to its outputs.

    Of several promotions to one stage only the last is told, since jobs that deploy them would run at once.
    """
    from modelver.reports import markdown

    _summarise(environment, markdown.synced(result))
    new = [asdict(each) for each in result.new]
    promotions = {(each["model"], each["stage"]): each for each in new if each["kind"] == "promotion"}
    _tell(environment, {"new": json.dumps(new), "promotions": json.dumps(list(promotions.values()))})


def _summarise(environment: Mapping[str, str], text: str) -> None:
    if path := environment.get(SUMMARY):
        _append(path, text + "\n")


def _compared(environment: Mapping[str, str], recommendation: str, version: str) -> None:
    improved = "true" if recommendation == "RECOMMEND_B" else "false"
    _tell(environment, {"recommendation": recommendation, "version": version, "improved": improved})


def _tell(environment: Mapping[str, str], values: Mapping[str, str]) -> None:
    """The outputs: fixed words, an id, or JSON, in which a line's end is escaped; so no line can be smuggled in."""
    if path := environment.get(OUTPUT):
        _append(path, "".join(f"{name}={value}\n" for name, value in values.items()))


def _append(path: str, text: str) -> None:
    with files.disk_errors("write for the job"), open(path, "a", encoding="utf-8") as stream:
        stream.write(text)
