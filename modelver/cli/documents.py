"""Which report a result is in which format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelver.operations.compared import Difference, Trend
from modelver.reports import html, markdown, trend

DOCUMENTS: dict[tuple[type, str], Callable[[Any], str]] = {
    (Difference, "md"): markdown.difference,
    (Difference, "html"): html.difference,
    (Trend, "csv"): trend.csv,
    (Trend, "svg"): trend.svg,
}
