"""Record a session in the terminal as a picture: `python docs/record.py` writes docs/tour.svg.

The commands are really run, in a throw-away repository. The picture holds no script and names no address, so
nothing is loaded to look at it; its letters are those that the viewer's machine has.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

import examples
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURE = Path(__file__).parent / "tour.svg"
COLUMNS = 104

_ADD = "modelver add model.safetensors -n iris --metrics metrics.json --params params.json"
SESSION = (
    "python train.py --lr 0.1 --epochs 50",
    f"{_ADD} --label 1.0.0",
    "modelver promote iris production",
    "python train.py --lr 0.5 --epochs 500",
    f"{_ADD} --bump minor",
    "modelver diff iris",
    'modelver promote iris production -m "more accurate"',
    'modelver rollback iris -m "strange answers since this morning"',
    "modelver list iris",
)
"""What is typed; the two trainings and their data are those of `modelver demo`."""

_SETUP = """<!-- setup
git init -q iris && cd iris
cp {demo}/train.py {demo}/iris.csv .
printf 'metrics.json\\nparams.json\\npredictions.csv\\n' >.gitignore
git add . && git commit -q -m "train a classifier of iris flowers" && modelver init -q
-->
"""

# Rich's own frame without the font that it would load from elsewhere.
_FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>modelver in a terminal</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def session() -> list[examples.Example]:
    """The commands of the session with what they say, run in a repository of their own."""
    from modelver import demo

    page = _SETUP.format(demo=Path(demo.__file__).parent) + "".join(f"```console\n$ {each}\n```\n" for each in SESSION)
    with tempfile.TemporaryDirectory(prefix="ada-") as home:
        return list(examples.run(page, Path(home)))


def drawn(run: Iterable[examples.Example]) -> str:
    """The picture of a session."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for each in run:
        console.print(Text.assemble(("$ ", "bold green"), (each.command, "bold")), highlight=False)
        if each.output:
            console.print(Text(each.output.rstrip("\n")), highlight=False)
    picture = console.export_svg(title="modelver", theme=MONOKAI, code_format=_FRAME, unique_id="tour")
    return re.sub(r"[ \t]+$", "", picture, flags=re.MULTILINE)


def lines_of(picture: str) -> list[str]:
    """The lines of the picture, top down, as text."""
    import xml.etree.ElementTree as tree

    lines: dict[float, list[tuple[float, str]]] = {}
    drawing = tree.fromstring(picture)  # noqa: S314 (a picture of ours)
    for each in drawing.iter("{http://www.w3.org/2000/svg}text"):
        if each.get("clip-path"):
            lines.setdefault(float(each.get("y", 0)), []).append((float(each.get("x", 0)), each.text or ""))
    return ["".join(text for _, text in sorted(lines[y])).replace("\xa0", " ").rstrip() for y in sorted(lines)]


def main() -> None:
    """Write the picture, unless what is there shows the same but for ids and moments."""
    picture = drawn(session())
    if not PICTURE.exists() or _steady(PICTURE.read_text("utf-8")) != _steady(picture):
        PICTURE.write_text(picture, "utf-8")
        print(f"docs/{PICTURE.name}")


def _steady(picture: str) -> str:
    return examples.steady("\n".join(lines_of(picture)))


if __name__ == "__main__":
    main()
