"""The documentation says what the program does: pages that are made from it, examples that are run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
import sys
import tempfile
import xml.etree.ElementTree as tree
from pathlib import Path

import pytest

import modelver

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import examples  # noqa: E402
import generate  # noqa: E402
import record  # noqa: E402

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_generated_pages_are_what_the_program_says_at_any_width(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERMINAL_WIDTH", columns)
    for path, text in generate.pages().items():
        assert path.read_text("utf-8") == text, f"{name(path)} is out of date; run: make docs"


@pytest.mark.parametrize("page", generate.RUN, ids=name)
def test_the_examples_of_a_page_say_what_the_program_says(page):
    with tempfile.TemporaryDirectory(prefix="ada-") as home:
        for example in examples.run(page.read_text("utf-8"), Path(home)):
            shown, output = examples.steady(example.shown), examples.steady(example.output)
            assert example.holds, f"$ {example.command}\n--- shown\n{shown}\n--- said\n{output}"


@pytest.mark.parametrize("page", generate.RUN, ids=name)
def test_no_example_shows_a_bug(page):
    """`make docs` writes down what a command says, whatever that is."""
    assert not re.search(r"a bug in modelver|Traceback", page.read_text("utf-8"))


def test_the_picture_shows_a_session_as_it_is_when_run():
    shown = examples.steady("\n".join(record.lines_of(record.PICTURE.read_text("utf-8"))))
    assert shown == examples.steady("\n".join(record.lines_of(record.drawn(record.session()))))
    for word in ("add", "promote", "diff", "rollback", "list"):
        assert f"\n$ modelver {word} " in shown


def test_the_picture_is_well_formed_and_loads_nothing():
    text = record.PICTURE.read_text("utf-8")
    drawing = tree.fromstring(text)
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    known = ["svg", "title", "style", "defs", "clipPath", "rect", "g", "text", "circle"]
    for each in drawing.iter():
        assert each.tag.partition("}")[2] in known
        for key, value in each.attrib.items():
            assert "href" not in key
            assert "url(" not in value or value.startswith("url(#"), value
    # An address may stand there only as the name of what SVG is.
    assert re.findall(r"[a-z]+://[^\s\"]*|@import|@font-face|url\((?!#)|<!|<\?", text) == ["http://www.w3.org/2000/svg"]


def test_the_picture_on_the_first_page_is_there():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [ROOT / each for each in pictures] == [record.PICTURE]


def commands_in(text: str) -> list[list[str]]:
    """The words of every call of modelver in the blocks of shell of a page."""
    found = []
    for block in re.findall(r"^```(?:sh|console)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            for call in re.findall(r"(?:^\$ |^|\$\(|= ?|[|;&] *)modelver (.*)", line):
                words = shlex.shlex(call.partition(" #")[0], posix=True, punctuation_chars="|;&<>()")
                words.whitespace_split, words.commenters = True, ""
                taken = []
                for word in words:
                    if set(word) & set("|;&<>()") and not set(word) - set("|;&<>()"):
                        break
                    taken.append(word)
                found.append(taken)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_call_in_a_block_of_shell_is_understood(page):
    """Also those that are not run: command and options are there, and what is needed is given."""
    group = generate.command_line()
    for words in commands_in(page.read_text("utf-8")):
        command = group.commands.get(words[0]) or pytest.fail(f"modelver {' '.join(words)}: no such command")
        if not {"-h", "--help"} & set(words):
            command.make_context(words[0], list(words[1:]))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_and_option_named_in_the_text_is_there(page):
    group = generate.command_line()
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for call in re.findall(r"`modelver ([^`]*)`", text):
        word, _, rest = call.partition(" ")
        if word.isupper() or word.startswith("-"):
            continue
        assert word in group.commands, f"{name(page)}: modelver {call}"
        options = {option for each in group.commands[word].params for option in each.opts} | {"-h", "--help"}
        assert set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", rest)) <= options, f"{name(page)}: modelver {call}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        other = (page.parent / place).resolve() if place else page
        assert other.exists(), f"{name(page)}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", other.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}, target


def test_every_exit_code_of_the_program_is_on_the_page():
    from modelver.errors import BUG, INTERRUPTED, ModelverError

    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text("utf-8")
    shown = {int(code) for code in re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)}
    assert shown == {0, BUG, INTERRUPTED, *(kind.code for kind in ModelverError.__subclasses__())}


def test_no_command_ends_with_an_exit_code_that_is_called_reserved():
    from modelver.errors import ModelverError

    names = [kind.__name__ for kind in ModelverError.__subclasses__() if kind.code in generate.RESERVED]
    sources = [path for path in (ROOT / "modelver").rglob("*.py") if path.name != "errors.py"]
    used = [path for path in sources if re.search(rf"raise (?:{'|'.join(names)})\(", path.read_text("utf-8"))]
    assert used == []


def modules() -> list[str]:
    found = pkgutil.walk_packages(modelver.__path__, "modelver.")
    # Two begin to run when they are imported, and one needs a framework that need not be here.
    left_out = ("modelver.__main__", "modelver.cli.__main__", "modelver.integrations.lightning")
    return [each.name for each in found if each.name not in left_out]


@pytest.mark.parametrize("module", modules())
def test_the_examples_in_docstrings_hold(module):
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0


def test_the_record_on_the_page_of_the_format_is_one(tmp_path):
    from modelver.records import layout, schema

    page = (ROOT / "docs" / "reference" / "format.md").read_text("utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    record = schema.parse_version(text.encode(), "format.md")
    assert schema.dump_version(record).decode() == text
    assert layout.version_path(record.model, record.version).count("/") == 6


def test_the_manifest_on_the_page_of_the_format_is_one():
    from modelver.storage.trees import Manifest

    page = (ROOT / "docs" / "reference" / "format.md").read_text("utf-8")
    (text,) = re.findall(r"^```json\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE)
    data = text.replace("…", "0" * 64).encode()
    assert Manifest.parse(data).to_bytes() == data


def test_the_examples_of_the_python_page_run():
    import subprocess

    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    with tempfile.TemporaryDirectory(prefix="ada-") as home:
        assert list(examples.run(page, Path(home))) == []  # the set-up of the page
        env = examples.environment(Path(home))
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(blocks)], cwd=f"{home}/project", env=env, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(v\d{14}_[0-9a-f]{8}) [0-9a-f]{64}\n\1 \{'auc': 0.91\}\n", done.stdout)


def test_every_method_of_the_registry_is_on_the_python_page():
    from modelver.registry import Registry

    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    methods = {each for each in vars(Registry) if not each.startswith("_")} - {"close", "objects"}
    assert methods == set(re.findall(r"`(\w+)\([^`]*\)`", page)) - {"open"}


def test_every_dependency_is_on_its_page():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    needed = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    for each in needed:
        assert re.match(r"[A-Za-z0-9-]+", each)[0].lower() in page, each


def test_every_module_that_the_architecture_names_is_there():
    text = (generate.DOCS / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[a-z_]+/[^|]*) \|", text, flags=re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        room, _, first = row.strip("`").partition("/")
        for module in first.replace("`", "").split(", "):
            assert (generate.DOCS.parent / "modelver" / room / f"{module}.py").is_file(), f"{room}/{module}"
