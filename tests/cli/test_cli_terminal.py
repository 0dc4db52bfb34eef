"""What a terminal of 60 columns is shown, and what a pipe gets: tables, long names, ids, escape sequences."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

import pytest
from worlds import World, Worlds, environment, program, shown

WIDTH = 60
MODEL = "nlp/sentiment/german/large-uncased-whole-word-masking-v2-final"
STAGE = "production-eu-central-frankfurt"
LABEL = "candidate-after-the-second-review-of-the-risk-team"
METRIC = "validation/frankfurt/balanced_accuracy_over_all_customers"
ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


@pytest.fixture(scope="module")
def wide(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Nobody changes it: two models, of which one has long names for everything, and three short stages."""
    world = worlds.make(tmp_path_factory.mktemp("wide") / "repo", "fraud")
    world.git("config", "user.name", "Maximiliane Mustermann-Schmidt von der Abteilung")
    for number in (1, 2):
        world.add(
            f"long {number}",
            MODEL,
            "long.bin",
            metrics={METRIC: number / 3, "loss": 1e-4 * number, "müße_größe": 1234567.891},
            params={"a_parameter_with_a_name_of_some_length": "and a value that is longer than the terminal " * 3},
            message=f"attempt {number}, with a reason that nobody can tell in less than sixty characters\nand more",
        )
    with world.registry as registry:
        registry.tag(MODEL, LABEL, message="x" * 200)
        registry.promote(MODEL, STAGE)
        registry.promote(f"{MODEL}~1", "staging", message="日本語の説明はとても長いので端末の幅を超えてしまいます" * 2)
        registry.promote("fraud", "production")
    return world


def terminal(world: World, *words: str, columns: int = WIDTH, **env: str) -> str:
    """What a run writes to a pseudo-terminal of some columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [*program(), *words],
        cwd=world.top,
        env=environment({"TERM": "xterm-256color", "COLUMNS": None, "FORCE_COLOR": None, **env}),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end was closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    text = b"".join(parts).decode()
    assert process.wait() == 0, shown(text)
    return text.replace("\r\n", "\n")


def plain(text: str) -> str:
    return ESCAPE.sub("", text)


def cells(line: str) -> int:
    """How many columns of a terminal a line takes."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def ids(world: World, model: str) -> list[str]:
    return [line.version for line in world.registry.versions(model).versions]


COMMANDS = [
    ("list",),
    ("list", MODEL),
    ("list", "fraud"),
    ("log",),
    ("log", MODEL),
    ("log", "fraud"),
    ("diff", f"{MODEL}~1", MODEL),
    ("diff", "fraud~1", "fraud"),
]
NAMES = [f"{words[0]} {words[1][:5] if words[1:] else ''}" for words in COMMANDS]


@pytest.mark.parametrize("words", COMMANDS, ids=NAMES)
def test_ids_are_never_cut(wide: World, words: tuple[str, ...]) -> None:
    """Every id of which a table tells stands there in full, in 60 columns as in a pipe."""
    form = r"v[0-9]{14}_[0-9a-f]{8}\b"
    text = plain(terminal(wide, *words))
    assert set(re.findall(form, text)) == set(re.findall(form, wide.cli(*words).out)) != set()
    assert not re.search(r"v[0-9]{4,}[0-9_a-f]*…|…[0-9_a-f]*_[0-9a-f]{8}", text)


@pytest.mark.parametrize("words", COMMANDS, ids=NAMES)
def test_nothing_is_wider_than_the_terminal(wide: World, words: tuple[str, ...]) -> None:
    """`list`, `log` and `diff` keep to 60 columns, whatever the names are."""
    for line in plain(terminal(wide, *words)).splitlines():
        assert cells(line) <= WIDTH, line


def test_a_long_name_is_cut_in_its_middle(wide: World) -> None:
    """Both ends tell names apart; where there is room the whole name stands."""
    listed = plain(terminal(wide, "list"))
    assert MODEL not in listed
    name = next(line for line in listed.splitlines() if line.startswith("nlp/")).split("  ")[0]
    start, end = name.split("…")
    assert MODEL.startswith(start)
    assert MODEL.endswith(end)
    assert min(len(start), len(end)) >= 5
    assert MODEL in plain(terminal(wide, "list", columns=250))
    assert METRIC in plain(terminal(wide, "diff", f"{MODEL}~1", MODEL, columns=250))


def test_a_row_that_fits_is_a_row(wide: World) -> None:
    """In a wide terminal each version is one line below the head."""
    lines = plain(terminal(wide, "list", "fraud", columns=200)).splitlines()
    assert lines[0].split()[:2] == ["version", "created"]
    assert [line.split()[0] for line in lines[1:]] == ids(wide, "fraud")


@pytest.mark.parametrize("words", COMMANDS, ids=NAMES)
def test_a_pipe_gets_no_escape_and_nothing_cut(wide: World, words: tuple[str, ...]) -> None:
    """Whatever the variables say of the terminal, no escape sequence, no cut name, one line a row."""
    ran = wide.cli(*words, env={"COLUMNS": "60", "TERM": "xterm-256color", "CLICOLOR_FORCE": "1"})
    assert "\x1b" not in ran.out + ran.err
    assert "…" not in ran.out
    if words[0] != "diff":
        head, *rows = ran.out.splitlines()
        counted = wide.json(*words)
        assert len(rows) == len(counted.get("models", counted.get("versions", counted.get("events"))))
        assert len(head.split("  ")) > 3


@pytest.mark.parametrize("words", [("list",), ("list", "fraud"), ("log", "fraud"), ("diff", "fraud~1", "fraud")])
@pytest.mark.parametrize("way", ["NO_COLOR", "--no-color"])
def test_no_colour_where_none_is_wanted(wide: World, words: tuple[str, ...], way: str) -> None:
    """With the option or the variable, no escape sequence sets a colour; what is written is the same."""
    loud = terminal(wide, *words, columns=250)
    quiet = terminal(wide, *words, "--no-color", columns=250) if way != "NO_COLOR" else None
    quiet = quiet or terminal(wide, *words, columns=250, NO_COLOR="1")
    for codes, letter in ESCAPE.findall(quiet):
        assert letter == "m"
        assert all(code in ("", "0", "1", "2", "22") for code in codes.split(";")), codes
    assert plain(quiet) == plain(loud)
    assert "\x1b[" in loud


def test_a_terminal_that_can_do_nothing(wide: World) -> None:
    """TERM=dumb: no escape sequence at all."""
    assert "\x1b" not in terminal(wide, "list", columns=250, TERM="dumb")


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_any_width_will_do(wide: World, columns: int) -> None:
    """However narrow: no crash, every id in full."""
    text = plain(terminal(wide, "list", MODEL, columns=columns))
    assert set(re.findall(r"v[0-9]{14}_[0-9a-f]{8}", text)) == set(ids(wide, MODEL))


def test_words_of_others_do_nothing_to_a_terminal(fraud: World) -> None:
    """A message with escape sequences is shown, not obeyed."""
    with fraud.registry as registry:
        registry.promote("fraud", "production", message="\x1b[31mred\x1b]0;title\x07\u202eback")
    text = terminal(fraud, "log", "fraud", columns=200)
    assert "[31mred" in text
    assert [each for each in ("\x1b[31m", "\x1b]", "\x07", "\u202e") if each in text] == []


def test_a_name_is_no_markup(world: World) -> None:
    """Names stand in the heads of tables, too, and none is taken for an instruction."""
    for number in range(2):
        world.add(f"{number}", metrics={"a[/b]_auc": number, "[red]x_loss": number})
    for words in (("compare", "fraud", "fraud~1"), ("log", "fraud", "--metric", "a[/b]_auc")):
        assert "a[/b]_auc" in plain(terminal(world, *words, columns=200))
