"""Shell completion: what is offered, in each real shell, and that nothing wrong is ever printed or executed."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from worlds import World, environment, program

from modelver.cli import app
from modelver.cli.complete import VALUES, Lookup, remotes, split
from modelver.cli.shells import SCRIPTS

PATIENCE = 60
"""Seconds after which a shell that says nothing is given up; nothing is measured by them."""


def ask(world: World, *words: str, at: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What the script of zsh gets for the words of a line, of which the last stands at the cursor."""
    ran = world.cli("--", *words, at=at, env={"_MODELVER_COMPLETE": "zsh", **(env or {})})
    assert ran.err == ""
    return ran.out


def offered(world: World, *words: str) -> list[str]:
    """The values that are offered."""
    kind, *lines = ask(world, *words).splitlines()
    assert kind == "values"
    return [line.partition("\t")[0] for line in lines]


def ask_bash(world: World, line: str, word: str) -> list[str]:
    """What the script of bash gets for a line, in which readline would replace `word`."""
    asked = {"_MODELVER_COMPLETE": "bash", "_MODELVER_LINE": line, "_MODELVER_WORD": word}
    ran = world.cli(env=asked)
    assert ran.err == ""
    return ran.out.splitlines()


@pytest.fixture
def staged(fraud: World) -> World:
    """Labels 1.2.0 and nightly; in production and, formerly, in staging; stages and remotes are configured."""
    with fraud.registry as registry:
        registry.tag("fraud", "1.2.0")
        registry.tag("fraud~1", "nightly")
        registry.promote("fraud", "production")
        registry.promote("fraud", "staging")
        registry.demote("fraud", "staging")
    stages = "stages:\n  canary:\n  production:\n  eu-*:\n"
    fraud.commit({".modelver/config.yaml": f"format: 1\n{stages}remotes:\n  hub:\n    url: x\n  backup:\n    url: y\n"})
    return fraud


# ---- what is offered ---------------------------------------------------------------------------------------------


def test_every_parameter_is_completed_or_known_not_to_be() -> None:
    """A metavar that is new has to be put on one of the two lists."""
    root = typer.main.get_command(app.program())
    everything = [root, *root.commands.values()]  # type: ignore[attr-defined]
    metavars = {each.metavar for command in everything for each in command.params} - {None}
    nothing = {"N", "K=V", "LABEL", "[LABEL]", "MSG", "WHY", "REV|DATE", "SECONDS", "ISO8601"}
    nothing |= {"METRIC", "D", "EXPR", "KIND", "TEXT", "COMMAND...", "R", "URI"}
    assert metavars <= VALUES.keys() | nothing
    assert VALUES.keys() - metavars <= {"REMOTE"}


def test_commands_and_options(staged: World) -> None:
    """Commands with what they do, wherever a command is wanted; options; the values of a choice."""
    assert offered(staged, "") == list(app.COMMANDS)
    assert "show\tShow all that is known of a version.\n" in ask(staged, "sh")
    assert offered(staged, "-C", "add", "sh") == ["show"]
    assert offered(staged, "--version", "dem") == ["demote", "demo"]
    assert offered(staged, "add", "--allow") == ["--allow-tracked"]
    assert offered(staged, "--install") == ["--install-completion"]
    assert offered(staged, "add", "x", "--bump", "m") == ["major", "minor"]
    assert offered(staged, "--show-completion", "") == ["bash", "zsh", "fish"]
    assert offered(staged, "hooks", "un") == ["uninstall"]


@pytest.mark.parametrize("name", list(app.COMMANDS))
def test_every_command_is_completed(staged: World, name: str) -> None:
    """Nothing that a command is made of is missing although nothing that it runs is loaded."""
    assert "--help" in offered(staged, name, "--")


def test_models_versions_labels_and_stages(staged: World) -> None:
    """Each kind of value of a REF."""
    ids = sorted(staged.git("tag", "--list", "v2024*").split())
    staged.add("x", "nlp/sentiment", "other.bin")
    assert offered(staged, "show", "") == ["fraud", "nlp/sentiment"]
    assert offered(staged, "show", "nlp") == ["nlp/sentiment"]
    places = ["fraud@latest", "fraud@highest", "fraud@1.2.0", "fraud@nightly", "fraud@production"]
    assert offered(staged, "show", "fraud@") == places
    assert offered(staged, "show", "fraud@v1") == ["fraud@v1.2.0"]
    assert offered(staged, "show", "fraud@v2024") == [f"fraud@{version}" for version in ids]
    assert offered(staged, "show", ids[0][:14]) == ids[:1]
    assert offered(staged, "show", "fraud~") == []
    assert offered(staged, "show", "none@") == []
    assert offered(staged, "show", "--at", "HEAD~3", "fraud@") == [*places, "fraud@staging"]
    assert ask(staged, "show", "--at", "--help", "fraud@") == ""


@pytest.mark.parametrize(
    "words", ["show", "diff fraud", "log", "verify fraud", "cat", "path", "checkout", "tag", "archive", "promote"]
)
def test_every_ref(staged: World, words: str) -> None:
    """Wherever a REF, or a MODEL, may stand."""
    assert offered(staged, *words.split(), "fr") == ["fraud"]
    assert "fraud@1.2.0" in offered(staged, *words.split(), "fraud@")


def test_what_options_and_single_commands_take(staged: World) -> None:
    """MODEL, MODEL@LABEL, STAGE as held or as possible, REF of an option, and the value behind `=`."""
    assert offered(staged, "rollback", "") == offered(staged, "list", "") == ["fraud"]
    assert offered(staged, "rollback", "fraud", "") == offered(staged, "demote", "fraud", "") == ["production"]
    assert offered(staged, "promote", "fraud@1.2.0", "") == ["canary", "production", "staging"]
    assert offered(staged, "promote", "v2024", "") == ["canary", "production", "staging"]
    assert offered(staged, "add", "x", "-n", "fraud", "--stage", "") == ["canary", "production", "staging"]
    assert offered(staged, "add", "x", "--stage", "") == ["canary", "production"]
    assert offered(staged, "add", "x", "-n", "") == ["fraud"]
    assert offered(staged, "add", "x", "--name=fr") == ["--name=fraud"]
    assert offered(staged, "add", "x", "--parent", "fraud@n") == ["fraud@nightly"]
    assert offered(staged, "tag", "--delete", "") == ["fraud@1.2.0", "fraud@nightly"]
    assert offered(staged, "rollback", "fraud", "--to", "fraud@n") == ["fraud@nightly"]
    assert offered(staged, "tag", "fraud", "") == []


@pytest.mark.parametrize("words", ["add ", "add x --code ", "add x --data=a", "checkout fraud -o ", "add x --params "])
def test_paths_are_left_to_the_shell(staged: World, words: str) -> None:
    """The shell knows best how to complete and quote the name of a file."""
    assert ask(staged, *words.split(" ")) == "files\n"
    assert ask(staged, "-C", "") == "directories\n"


def test_a_model_may_be_called_like_a_kind_of_answer(world: World) -> None:
    """A model called `files` is a value."""
    world.add("x", "files")
    assert offered(world, "show", "") == ["files"]


def test_configured_remotes(staged: World) -> None:
    """Remotes, which no command takes yet."""
    command = typer.main.get_command(app.program(["status"]))
    context = command.make_context("modelver", ["-C", str(staged.top)], resilient_parsing=True)
    assert [item.value for item in remotes(Lookup(context), "")] == ["hub", "backup"]  # type: ignore[arg-type]


def test_it_reads_where_the_command_would(staged: World, tmp_path: Path) -> None:
    """`-C`, also with `~`, before and after the command; below the top; in a bare clone."""
    assert "fraud\t" in ask(staged, "-C", str(staged.top), "show", "", at=tmp_path)
    assert "fraud\t" in ask(staged, "show", "-C", "~/repo", "", at=tmp_path, env={"HOME": str(staged.top.parent)})
    assert "fraud\t" in ask(staged, "show", "", at=staged / "src")
    staged.git("clone", "-q", "--bare", staged.top, tmp_path / "bare")
    assert "fraud\t" in ask(staged, "show", "", at=tmp_path / "bare")


# ---- silence -----------------------------------------------------------------------------------------------------


def _no_git(world: World) -> None:
    shutil.rmtree(world / ".git")


def _no_head(world: World) -> None:
    world.write(".git/HEAD", "rubbish")


def _no_objects(world: World) -> None:
    shutil.rmtree(world / ".git/objects")


def _no_commit(world: World) -> None:
    world.git("checkout", "-q", "--orphan", "unborn")


def _bad_configuration_of_git(world: World) -> None:
    world.write(".git/config", "[rubbish")


WRECKS = [_no_git, _no_head, _no_objects, _no_commit, _bad_configuration_of_git]


@pytest.mark.parametrize("wreck", WRECKS)
@pytest.mark.parametrize("line", ["show fraud@", "promote fraud ", "rollback fraud ", "tag --delete ", "list "])
def test_silence_where_nothing_can_be_read(staged: World, wreck: Callable[[World], None], line: str) -> None:
    """No repository, no commit, a broken one: exit code 0, and nothing but perhaps an empty answer."""
    wreck(staged)
    assert ask(staged, *line.split(" ")) in ("", "values\n")
    assert offered(staged, "promo") == ["promote"]


@pytest.mark.parametrize("kind", ["plain", "registry"])
def test_silence_without_a_registry_or_a_model(make: Callable[..., World], kind: str) -> None:
    """Nothing is there to be offered."""
    empty = make(kind)
    for line in ("show ", "show fraud@", "promote fraud ", "rollback fraud "):
        assert ask(empty, *line.split(" ")) in ("", "values\n")


def test_malformed_records_take_nothing_else_away(staged: World) -> None:
    """A stage's record, the configuration and the card are malformed or far too large; labels are offered still."""
    stages = ".modelver/models/fraud/stages"
    staged.commit({f"{stages}/production.yaml": b"\xff[", f"{stages}/staging.yaml": b"x" * 300_000})
    staged.commit({".modelver/config.yaml": "format: 9\n[", ".modelver/models/fraud/model.yaml": "&a [*a"})
    assert offered(staged, "show", "fraud@") == ["fraud@latest", "fraud@highest", "fraud@1.2.0", "fraud@nightly"]
    assert offered(staged, "rollback", "fraud", "") == []
    assert offered(staged, "promote", "fraud", "") == ["production", "staging"]


@pytest.mark.parametrize("git", ["exit 1", "echo rubbish", "echo error >&2; exit 128", "kill -9 $$", None])
def test_silence_where_git_is_broken_or_missing(staged: World, tmp_path: Path, git: str | None) -> None:
    """Git fails, says something else, or is not there."""
    if git is not None:
        _program(tmp_path / "git", git)
    for line in ("show fraud@", "rollback fraud ", "promote fraud "):
        assert ask(staged, *line.split(" "), env={"PATH": str(tmp_path)}) in ("", "values\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "complete_bash", "", "tcsh"])
def test_silence_where_a_script_says_nothing_useful(staged: World, shell: str) -> None:
    """A script of another release, or a variable that was set by hand."""
    ran = staged.cli(env={"_MODELVER_COMPLETE": shell})
    assert (ran.out, ran.err) == ("", "")


def test_silence_on_a_standard_output_that_is_closed(staged: World) -> None:
    """The shell has enough."""
    line = f"exec 1>&-; exec {shlex.join(program())} -- show ''"
    env = environment({"_MODELVER_COMPLETE": "zsh"})
    done = subprocess.run(["sh", "-c", line], cwd=staged.top, env=env, capture_output=True, check=False)
    assert done.stderr == b""


def test_options_that_act_do_nothing_on_a_tab(staged: World, tmp_path: Path) -> None:
    """A key that is pressed behind `--install-completion bash` installs nothing."""
    for option in ("--install-completion", "--show-completion"):
        assert "show\t" in ask(staged, option, "bash", "", env={"HOME": str(tmp_path)})
    assert not list(tmp_path.glob(".bash*"))


# ---- cost --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("show --", []),
        ("add ", []),
        ("show ", ["ls-tree"]),
        ("show fraud@", ["ls-tree", "cat-file"]),
        ("show v2024", ["ls-tree"]),
        ("tag --delete ", ["ls-tree"]),
        ("rollback fraud ", ["ls-tree", "cat-file"]),
        ("promote fraud ", ["ls-tree", "cat-file"]),
    ],
)
def test_processes(staged: World, tmp_path: Path, line: str, expected: list[str]) -> None:
    """Git is asked once for names, and once for contents where these matter."""
    log = tmp_path / "log"
    git = shutil.which("git")
    _program(tmp_path / "git", f'for word; do echo "$word"; done >> {log}; echo >> {log}; exec {git} "$@"')
    ask(staged, *line.split(" "), env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    calls = log.read_text().split("\n\n")[:-1] if log.exists() else []
    assert [word for call in calls for word in call.splitlines() if word in ("ls-tree", "cat-file")] == expected
    assert len(calls) == len(expected)


def test_what_is_loaded(staged: World) -> None:
    """No YAML, no storage, no operation and no rich for names; an ordinary run loads nothing of completion."""
    code = "import sys; from modelver.cli.complete import answer; answer(sys.argv[1:]); print(*sys.modules)"
    words = [sys.executable, "-c", code, "--", "show", "fraud@"]
    env = environment({"_MODELVER_COMPLETE": "zsh"})
    done = subprocess.run(words, cwd=staged.top, env=env, capture_output=True, text=True, check=True)
    assert "fraud@production" in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    heavy = ("yaml", "rich", "git.", "modelver.storage", "modelver.catalog", "modelver.operations.workspace")
    assert not [name for name in loaded if name.startswith(heavy)]
    words = [sys.executable, "-X", "importtime", "-m", "modelver", "status"]
    done = subprocess.run(words, cwd=staged.top, env=environment(), capture_output=True, text=True, check=True)
    assert "modelver.cli.run" in done.stderr
    assert "modelver.cli.complete" not in done.stderr
    assert "shlex" not in done.stderr


def test_nothing_is_fetched(staged: World, tmp_path: Path) -> None:
    """In a clone that fetches contents when they are read, none are: there is no network on a key."""
    staged.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    staged.git("clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{staged.top}", clone)
    before = sorted((clone / ".git/objects").rglob("*"))
    assert "fraud@nightly\t" in ask(staged, "show", "fraud@", at=clone)
    assert ask(staged, "rollback", "fraud", "", at=clone) == "values\n"
    assert sorted((clone / ".git/objects").rglob("*")) == before


# ---- bash's words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("modelver show fr", ["modelver", "show", "fr"]),
        ("modelver show ", ["modelver", "show", ""]),
        ("modelver -m 'a b' \"c", ["modelver", "-m", "a b", "c"]),
        ("modelver -m 'a #b' $(x", ["modelver", "-m", "a #b", "$(x"]),
        ("modelver a\\ b\\", ["modelver", "a b\\"]),
        ("", [""]),
    ],
)
def test_words_of_a_line(line: str, words: list[str]) -> None:
    """As bash would part them, and no further than to the cursor."""
    assert split(line)[: len(words) - 1] == words[:-1]
    assert split(line)[-1].rstrip("\\") == words[-1].rstrip("\\")


@pytest.mark.parametrize(
    ("line", "word", "answer"),
    [
        ("modelver show fraud@p", "@p", ["values", "@production"]),
        ("modelver show fraud@p", "fraud@p", ["values", "fraud@production"]),  # `@` taken out of COMP_WORDBREAKS
        ('modelver show "fraud@p', "fraud@p", ["values", "fraud@production"]),
        ("modelver show fraud\\@p", "fraud\\@p", ["values", "fraud@production"]),
        ("modelver add x --name=f", "f", ["values", "fraud"]),
        ("modelver show fraud:f", "f", ["values"]),
        ("modelver show fraud", "else", []),
    ],
)
def test_bash_replaces_only_a_part_of_a_word(staged: World, line: str, word: str, answer: list[str]) -> None:
    """Bash parts words at `@`, `:` and `=`; what it does not replace is left out of the answer."""
    assert ask_bash(staged, line, word) == answer


# ---- real shells -------------------------------------------------------------------------------------------------


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


BASH = """
PS1='READY> '
bind 'set enable-bracketed-paste off'
_report() { printf '%s' "$READLINE_LINE" > "$REPORT.new"; mv "$REPORT.new" "$REPORT"; }
bind -x '"\\C-xp": _report'
"""
ZSH = """
PS1='READY> '
unsetopt beep zle_bracketed_paste 2>/dev/null
autoload -Uz compinit; compinit -u -d "$ZDOTDIR/dump"
_report() { print -rn -- "$BUFFER" > "$REPORT.new"; mv "$REPORT.new" "$REPORT"; }
zle -N _report; bindkey '^Xp' _report
"""


class Shell:
    """Real shells that complete; the program is on their `PATH`."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.report = folder / "report"
        self.home.mkdir()
        (folder / "bin").mkdir()
        start = f'exec {shlex.join(program())} "$@"'
        _program(folder / "bin/modelver", f"PYTHONPATH={environment()['PYTHONPATH']} {start}")
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        more = {"HOME": str(self.home), "ZDOTDIR": str(self.home), "REPORT": str(self.report), "TERM": "dumb"}
        self.env = environment({"PATH": path, "XDG_CONFIG_HOME": None, **more})

    def complete(self, name: str, world: World, line: str) -> str:
        """The line as it stands after the key; of fish, the first value that it offers."""
        if name == "fish":
            return self._fish(world, line)
        script = BASH if name == "bash" else ZSH
        (self.home / f".{name}rc").write_text(script + SCRIPTS[name] + "\n")
        words = ["bash", "--rcfile", str(self.home / ".bashrc"), "-i"] if name == "bash" else ["zsh", "-d", "-i"]
        return self.typed(words, world, line)

    def _fish(self, world: World, line: str) -> str:
        script = self.home / "modelver.fish"
        script.write_text(SCRIPTS["fish"])
        words = ["fish", "-N", "-c", 'source $argv[1]; complete -C "$argv[2]"', str(script), line]
        done = subprocess.run(words, cwd=world.top, env=self.env, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.stdout

    def typed(self, words: list[str], world: World, line: str) -> str:
        """What an interactive shell has on its line after a line, Tab, and a key that tells us."""
        self.report.unlink(missing_ok=True)
        with _terminal(words, world.top, self.env) as (terminal, wait):
            wait(lambda said: b"READY> " in said)
            os.write(terminal, f"{line}\t\x18p".encode())
            wait(lambda _: self.report.exists())
        return self.report.read_text()


@contextlib.contextmanager
def _terminal(
    words: list[str], at: Path, env: dict[str, str]
) -> Iterator[tuple[int, Callable[[Callable[[bytes], bool]], None]]]:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(at)
        with contextlib.suppress(OSError):
            os.execvpe(words[0], words, env)
        os._exit(127)
    said = b""

    def wait(until: Callable[[bytes], bool]) -> None:
        nonlocal said
        end = time.monotonic() + PATIENCE
        while not until(said):
            assert time.monotonic() < end, said
            if select.select([terminal], [], [], 0.02)[0]:
                said += os.read(terminal, 65536)

    try:
        yield terminal, wait
    finally:
        os.kill(process, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(process, 0)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Real shells with a home of their own."""
    (tmp_path / "shell").mkdir()
    return Shell(tmp_path / "shell")


def _here(name: str) -> pytest.MarkDecorator:
    missing = shutil.which(name) is None and not os.environ.get("MODELVER_REQUIRE_ALL")
    return pytest.mark.skipif(missing, reason=f"{name} is not installed")


SHELLS = [pytest.param(name, marks=_here(name)) for name in ("bash", "zsh", "fish")]
EVIL = "$(touch pwned)"


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("modelver prom", "promote"),
        ("modelver show --deb", "--debug"),
        ("modelver show fr", "fraud"),
        ("modelver show fraud@pro", "fraud@production"),
        ("modelver show fraud@1", "fraud@1.2.0"),
        ("modelver rollback fraud ", "production"),
        ("modelver add x --name=fr", "--name=fraud"),
        ("modelver add mod", "model.bin"),
        ("modelver add --data=mod", "--data=model.bin"),
        ("modelver -C sr", "src/"),
        ("A=1 modelver show fraud@n", "fraud@nightly"),
        ("modelver show 'fraud@n", "fraud@nightly"),
        ('modelver show "fraud@n', "fraud@nightly"),
    ],
)
def test_in_a_real_shell(staged: World, shell: Shell, name: str, line: str, value: str) -> None:
    """The word at the cursor is completed, with `@` and `=` in it and within quotes too."""
    found = shell.complete(name, staged, line)
    if name == "fish":
        assert found.partition("\n")[0].partition("\t")[0] == value
        return
    quote = next((letter for letter in "'\"" if letter in line), "")
    start = line.rpartition(quote or " ")[0] + (quote or " ")
    assert found.rstrip() == start + value + quote


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("line", ["modelver show fraud~", "modelver show none@", "modelver tag fraud mod"])
def test_where_nothing_fits_nothing_is_offered(staged: World, shell: Shell, name: str, line: str) -> None:
    """No file is offered where a version is wanted."""
    assert shell.complete(name, staged, line) == ("" if name == "fish" else line)


@pytest.mark.parametrize("name", SHELLS)
def test_installed(staged: World, shell: Shell, name: str) -> None:
    """After `--install-completion`, once or twice, a new shell completes at the first key."""
    home = {"HOME": str(shell.home), "ZDOTDIR": str(shell.home), "XDG_CONFIG_HOME": None}
    for _ in range(2):
        assert f"{name} completion installed in {shell.home}" in staged.cli("--install-completion", name, env=home).out
    assert staged.cli("--show-completion", name).out == SCRIPTS[name] + "\n"
    if name == "fish":
        words = ["fish", "-c", "complete -C 'modelver show fraud@pro'"]
        done = subprocess.run(words, cwd=staged.top, env=shell.env, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("fraud@production\t")
        return
    start = shell.home / f".{name}rc"
    assert start.read_text().count("modelver" if name == "bash" else "compinit;") == 1
    own = BASH if name == "bash" else ZSH.replace("autoload", "# autoload")
    start.write_text(start.read_text() + own)
    words = ["bash", "-i"] if name == "bash" else ["zsh", "-d", "-i"]
    assert shell.typed(words, staged, "modelver show fraud@pro") == "modelver show fraud@production "


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize(
    "line",
    [
        "modelver show ",
        "modelver show fraud@",
        "modelver tag --delete ",
        "modelver promote fraud ",
        "modelver add evil/",
        f'modelver show "{EVIL}" fr',
        f"modelver show {EVIL} fr",  # zsh itself runs what stands in the word at the cursor
        "modelver show `touch pwned` fr",
        "modelver show ${x:=$(touch pwned)}@",
        f"modelver -C {EVIL} show fr",
    ],
)
def test_nothing_hostile_is_executed(staged: World, shell: Shell, name: str, line: str) -> None:
    """Names of models, labels, stages, remotes and files that are code in a shell stay words; so does what is typed."""
    record = "format: 1\nmodel: fraud\nversion: v20240101120000_abcd1234\n"
    models = ".modelver/models"
    staged.commit(
        {
            f"{models}/fraud/stages/{EVIL}.yaml": record,
            f"{models}/fraud/tags/;touch pwned;.yaml": record,
            f"{models}/{EVIL}/versions/202401/01/v20240101120000_abcd1234.yaml": record,
            ".modelver/config.yaml": f"format: 1\nremotes:\n  '{EVIL}':\n    url: x\n",
            f"evil/{EVIL}": "a file",
        }
    )
    found = shell.complete(name, staged, line)
    if line == "modelver add evil/" and name != "fish":  # which quotes when it puts the word on the line
        assert shlex.split(found)[2:] == [f"evil/{EVIL}"]
        assert "$(" not in found.replace("\\$", "") or "'" in found
    elif "pwned" not in line:
        assert "touch" not in found.removeprefix(line) or line == "modelver add evil/"
    assert not [*staged.top.rglob("pwned"), *shell.home.rglob("pwned")]


def test_a_program_in_the_repository_is_not_run(staged: World, shell: Shell) -> None:
    """A key behind `./modelver` does not start what lies in somebody's repository."""
    _program(staged / "modelver", "touch pwned")
    shell.complete("bash", staged, "./modelver show fr")
    assert not (staged / "pwned").exists()
