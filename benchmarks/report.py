"""Print what was measured: Markdown for people, JSON with every single run."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from install import Programs
from measure import Row

BASE = "modelver"


def markdown(rows: Sequence[Row], facts: dict[str, str]) -> str:
    """One table for each group of works, and what the figures depend on.

    A work's group is what stands before its colon. A cell has the median, half the range in per cent of it, and the
    ratio to modelver's median for the same work; the fastest tool is bold.
    """
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        group, colon, work = row.work.rpartition(": ")
        groups.setdefault(group if colon else "start-up", {}).setdefault(work, []).append(row)
    parts = [_table(group, works) for group, works in groups.items()]
    return "\n\n".join([*parts, "; ".join(f"{name}: {fact}" for name, fact in facts.items()) + "."]) + "\n"


def document(rows: Sequence[Row], facts: dict[str, str]) -> dict[str, object]:
    """Everything, for programs."""
    base = {row.work: row.seconds for row in rows if row.tool == BASE}
    lines = [{**asdict(row), "median": row.seconds, "ratio": row.seconds / base[row.work]} for row in rows]
    return {"facts": facts, "rows": lines}


def _table(group: str, works: dict[str, list[Row]]) -> str:
    tools = list(dict.fromkeys(row.tool for rows in works.values() for row in rows if not row.floor))
    tools.sort(key=lambda tool: tool != BASE)
    head = [group, *tools, "floor"]
    lines = [_line(head), _line(["---", *("---:" for _ in tools), "---"])]
    for work, rows in works.items():
        by_tool = {row.tool: row for row in rows if not row.floor}
        best = min(row.seconds for row in by_tool.values())
        cells = [_cell(by_tool[tool], by_tool[BASE], best) if tool in by_tool else "" for tool in tools]
        floors = ", ".join(f"{row.tool} {seconds(row.seconds)}" for row in rows if row.floor)
        lines.append(_line([work, *cells, floors]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: Row, base: Row, best: float) -> str:
    low, high = row.spread
    time = seconds(row.seconds)
    text = f"**{time}**" if row.seconds == best else time
    text += f" ±{(high - low) / 2 / row.seconds:.0%}"
    ratio = row.seconds / base.seconds
    return text if row is base else f"{text}, ×{ratio:.0f}" if ratio >= 10 else f"{text}, ×{ratio:.2g}"


def seconds(value: float) -> str:
    """A time with as many digits as it deserves."""
    if value < 0.0995:
        return f"{value * 1000:.2g} ms"
    return f"{value:.2f} s" if value < 9.95 else f"{value:.1f} s"


def facts_of(programs: Programs, place: Path, rounds: int) -> dict[str, str]:
    """What the figures depend on."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    load, cores = os.getloadavg()[0], os.cpu_count()
    lfs = said(str(programs.lfs), "--version").split()[0] if programs.lfs else ""
    return {
        "runs of each": str(rounds),
        "processor": f"{names[0] if names else platform.machine()}, {cores} cores",
        "load before the run": f"{load:.1f}",
        "memory": f"{memory / 2**30:.0f} GiB",
        "file system": said("df", "--output=fstype", str(place)).split()[-1],
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "Git": said("git", "--version").removeprefix("git version "),
        "modelver": said(str(programs.modelver), "--version").removeprefix("modelver "),
        "DVC": said(str(programs.dvc), "--version"),
        "GTO": said(str(programs.gto), "--version").split()[-1],
        "Git LFS": lfs.removeprefix("git-lfs/") or "not installed, so skipped (apt install git-lfs)",
    }


def said(*words: str) -> str:
    """What a program prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
