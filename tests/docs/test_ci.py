"""The GitHub Action, the GitLab template and docs/ci.md: checked by the tools for it, and run as a runner would."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from worlds import PROJECT, World, environment

REQUIRED = bool(os.environ.get("MODELVER_REQUIRE_ALL"))  # read now, since no test sees the developer's variables
ACTION = PROJECT / "action.yml"
TEMPLATE = PROJECT / "templates" / "modelver.yml"
PAGES = [PROJECT / "docs" / name for name in ("ci.md", "teams.md")]
HOSTILE = ["$(touch pwned)", "`touch pwned`", "; touch pwned", "' \" \\", "*", "${IFS}", "-m", "a  b", "$HOME", "END"]


def blocks(kind: str) -> dict[str, str]:
    """The blocks of a kind on the pages, by page and number."""
    found = {}
    for page in PAGES:
        texts = re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
        found |= {f"{page.stem}-{number}": text for number, text in enumerate(texts, 1)}
    return found


WORKFLOWS = {name: text for name, text in blocks("yaml").items() if re.search(r"^jobs:", text, re.MULTILINE)}
PIPELINES = {name: text for name, text in blocks("yaml").items() if re.search(r"^include:", text, re.MULTILINE)}


def steps(document: Any) -> list[dict[str, Any]]:
    """All steps of a workflow or an action."""
    jobs = document.get("jobs", {}).values()
    return [*document.get("runs", {}).get("steps", []), *(step for job in jobs for step in job.get("steps", []))]


# ---- checked by others -------------------------------------------------------------------------------------------


def program(name: str) -> str:
    """A program that is installed beside Python."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        assert not REQUIRED, f"{name} is not installed"
        pytest.skip(f"{name} is not installed")
    return found


def complaints(*words: str | Path, at: Path | None = None) -> str:
    """What a checker says; nothing, if it finds nothing."""
    done = subprocess.run([*map(str, words)], cwd=at, capture_output=True, text=True, env=environment())
    return "" if done.returncode == 0 else done.stdout + done.stderr


def against(schema: str, path: Path) -> str:
    """What check-jsonschema says, which has the schemas that editors use."""
    more = ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    return complaints(program("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *more, path)


def linted(workflow: str, top: Path) -> str:
    """What actionlint says of a workflow in a repository that has the action, whose inputs it knows then."""
    (top / ".github" / "workflows").mkdir(parents=True)
    (top / ".git").mkdir()
    shutil.copy(ACTION, top)
    path = top / ".github" / "workflows" / "models.yml"
    path.write_text(re.sub(r"uses: OWNER/modelver@\S+", "uses: ./", workflow))
    return complaints(program("actionlint"), path, at=top)


def test_the_action_is_one() -> None:
    assert against("github-actions", ACTION) == ""


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_example_is_a_workflow(name: str, tmp_path: Path) -> None:
    """By its schema and by actionlint, which also knows the inputs and outputs of the action."""
    (tmp_path / "models.yml").write_text(WORKFLOWS[name])
    assert against("github-workflows", tmp_path / "models.yml") == ""
    assert linted(WORKFLOWS[name], tmp_path / "repo") == ""


@pytest.mark.parametrize("name", PIPELINES)
def test_an_example_is_a_pipeline(name: str, tmp_path: Path) -> None:
    (tmp_path / "pipeline.yml").write_text(PIPELINES[name])
    assert against("gitlab-ci", tmp_path / "pipeline.yml") == ""


def test_the_template_is_one(tmp_path: Path) -> None:
    """Of its two documents the first has the inputs, and each of them is used in the second, and no other."""
    first, second = TEMPLATE.read_text("utf-8").split("\n---\n")
    for name, text in (("inputs", first), ("jobs", second)):
        (tmp_path / f"{name}.yml").write_text(text)
        assert against("gitlab-ci", tmp_path / f"{name}.yml") == ""
    used = set(re.findall(r"\$\[\[ *inputs\.(\w+)", second))
    assert used == set(yaml.safe_load(first)["spec"]["inputs"])
    for name in re.findall(r"extends: (\S+)", second + "".join(PIPELINES.values())):
        assert name in yaml.safe_load(second), name


def shell_scripts() -> dict[str, str]:
    """All scripts of the action, the template and the pages, with the shell that runs them."""
    found = {
        f"action-{number}": f"#!/bin/bash\n{step['run']}"
        for number, step in enumerate(steps(yaml.safe_load(ACTION.read_text("utf-8"))))
        if "run" in step
    }
    for name, job in yaml.safe_load(TEMPLATE.read_text("utf-8").split("\n---\n")[1]).items():
        lines = [*job.get("before_script", []), *job.get("script", [])]
        found[name] = "#!/bin/sh\nmodelver_place=\n" + "\n".join(lines)
    found |= {name: f"#!/bin/sh\n{text}" for name, text in blocks("sh").items()}
    return found | {"forge": (PROJECT / "docs" / "forge.sh").read_text("utf-8")}


@pytest.mark.parametrize("name", shell_scripts())
def test_shellcheck_finds_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / "script.sh").write_text(shell_scripts()[name])
    # What a script writes for another one is in single quotes, and what one job sets another may use.
    assert complaints(program("shellcheck"), "--exclude=SC2016,SC2034", tmp_path / "script.sh") == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("contents: write", "contents: wrte"),
        ("command: sync", "comand: sync"),
        ("outputs.promotions }}", "outputs.promotion }}"),
    ],
)
def test_the_checkers_see_a_mistake(right: str, wrong: str, tmp_path: Path) -> None:
    """So that nothing found means something."""
    text = next(text for text in WORKFLOWS.values() if right in text and "promotions" in text)
    assert linted(text, tmp_path / "right") == ""
    assert wrong.split(":")[-1].split(".")[-1].strip(" }") in linted(text.replace(right, wrong), tmp_path / "wrong")


@pytest.mark.parametrize("name", ["action", *WORKFLOWS])
def test_nothing_that_others_can_say_gets_into_a_script(name: str) -> None:
    """An expression in the text of a script is put there before the shell reads it; in a variable it is data."""
    text = ACTION.read_text("utf-8") if name == "action" else WORKFLOWS[name]
    for step in steps(yaml.safe_load(text)):
        assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("name", ["action", *WORKFLOWS])
def test_actions_of_others_are_pinned(name: str) -> None:
    """By a commit, whose release a comment names; of modelver's own a placeholder stands in the examples."""
    text = ACTION.read_text("utf-8") if name == "action" else WORKFLOWS[name]
    for used in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+|OWNER/modelver@COMMIT", used), used


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_the_least_rights(name: str) -> None:
    """None but those that a job names; one that only reads does not keep the token for later steps."""
    workflow = yaml.safe_load(WORKFLOWS[name])
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        words = json.dumps(job["steps"])
        writes = '"command": "sync"' in words or "sync --push" in words
        assert job["permissions"].get("contents") == ("write" if writes else "read")
        kept = [step["with"].get("persist-credentials", True) for step in job["steps"] if "checkout@" in str(step)]
        assert kept == [writes]


# ---- the action, run ---------------------------------------------------------------------------------------------


@dataclass
class Runner:
    """Runs the steps of the action as a runner of GitHub does: expressions, files for variables, bash."""

    temp: Path
    source: Path
    paths: list[str] = field(default_factory=list)

    def run(self, at: Path, inputs: Mapping[str, str], only: str = "", env: Mapping[str, str] | None = None) -> Any:
        action = yaml.safe_load(ACTION.read_text("utf-8"))
        assert set(inputs) <= set(action["inputs"])
        given = {name: each["default"] for name, each in action["inputs"].items()} | dict(inputs)
        files = {name: self.temp / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
        for path in files.values():
            path.write_text("")

        def filled(text: str) -> str:
            known = {f"inputs.{name}": value for name, value in given.items()}
            known |= {"steps.python.outputs.python-path": sys.executable, "github.action_path": str(self.source)}
            return re.sub(r"\$\{\{ *(\S+) *\}\}", lambda found: known[found[1]], text)

        for step in action["runs"]["steps"]:
            if "run" not in step or only not in step["name"]:
                continue
            if step.get("if") == "inputs.command != ''" and not given["command"]:
                continue
            script = self.temp / "script.sh"
            script.write_text(step["run"])
            variables = {name: str(path) for name, path in files.items()}
            variables |= {"RUNNER_TEMP": str(self.temp), "GITHUB_ACTION_PATH": str(self.source)}
            variables |= {"PATH": os.pathsep.join([*self.paths, os.environ["PATH"]]), "PIP_NO_DEPS": "1"}
            variables |= {name: filled(value) for name, value in step.get("env", {}).items()}
            inherited = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
            assert step["shell"] == "bash"
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
                cwd=at / filled(step.get("working-directory", ".")),
                env=inherited | variables | dict(env or {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            self.paths = [*files["GITHUB_PATH"].read_text().split("\n")[:-1], *self.paths]
            files["GITHUB_PATH"].write_text("")
            if done.returncode:
                break
        outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
        return Ended(done.returncode, done.stdout, done.stderr, outputs, files["GITHUB_STEP_SUMMARY"].read_text())


@dataclass(frozen=True)
class Ended:
    """How the steps ended, and what they left."""

    code: int
    out: str
    err: str
    outputs: dict[str, str]
    summary: str


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project as a checkout, for pip, which leaves a directory behind where it builds."""
    top = tmp_path_factory.mktemp("source")
    shutil.copytree(PROJECT / "modelver", top / "modelver", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "action.yml"):
        shutil.copy(PROJECT / name, top)
    return top


def lend_packages(place: Path) -> None:
    """Let an environment that was made without dependencies use those of the tests."""
    (site,) = place.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")


def built_or_skipped(code: int, err: str) -> None:
    """Building a package fetches setuptools: without a network there is nothing to test."""
    if code:
        assert "setuptools" in err, err
        assert not REQUIRED, err
        pytest.skip("pip cannot fetch setuptools")


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    """The package, built once; what pip takes wherever a job says what it installs."""
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", source / "dist", source]
    inherited = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    done = subprocess.run(words, env=inherited, capture_output=True, text=True)
    built_or_skipped(done.returncode, done.stderr)
    (found,) = (source / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def runner(source: Path, tmp_path_factory: pytest.TempPathFactory, worlds: Any) -> Runner:
    """A runner whose job has used the action once, to install modelver."""
    runner = Runner(tmp_path_factory.mktemp("temp"), source)
    ended = runner.run(runner.temp, {})
    built_or_skipped(ended.code, ended.err)
    lend_packages(runner.temp / "modelver")
    return runner


def test_the_action_installs_modelver_and_leaves_python_alone(runner: Runner, plain: World) -> None:
    """The command is on the path, and nothing else of its environment; a second use installs nothing."""
    assert len(set(runner.paths)) == 1
    assert [path.name for path in Path(runner.paths[0]).iterdir()] == ["modelver"]
    mark = (runner.temp / "modelver" / "pyvenv.cfg").stat().st_mtime_ns
    ended = runner.run(plain.top, {"command": "--version"})
    assert (ended.code, ended.out.split()[0]) == (0, "modelver")
    assert (runner.temp / "modelver" / "pyvenv.cfg").stat().st_mtime_ns == mark


def test_an_author_is_given_only_where_there_is_none(runner: Runner, plain: World) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull}
    runner.run(plain.top, {}, "author")
    assert plain.git("config", "--local", "--get", "user.email", code=1) == ""
    runner.run(plain.top, {}, "author", nobody)
    assert plain.git("config", "--local", "user.name") == "github-actions[bot]\n"
    plain.git("config", "user.email", "own@example.org")
    runner.run(plain.top, {}, "author", nobody)
    assert plain.git("config", "--local", "user.email") == "own@example.org\n"


def test_the_action_runs_a_training(runner: Runner, world: World) -> None:
    """`command: run` with a word a line, in a directory of the repository."""
    world.write("training/train.py", "import sys\nopen('model.bin', 'w').write(repr(sys.argv[1:]))\n")
    words = ["-n", "fraud", "-o", "model.bin", "--", sys.executable, "train.py", "--name", "two words"]
    inputs = {"command": "run", "args": "\n".join([*words, ""]), "working-directory": "training"}
    ended = runner.run(world.top, inputs)
    assert ended.code == 0, ended.err
    assert (world / "training/model.bin").read_text() == "['--name', 'two words']"
    assert world.json("show", "fraud")["artifact"]["path"] == "training/model.bin"


def test_the_action_passes_words_on_as_they_are(runner: Runner, world: World) -> None:
    """No line is run, split, or expanded by the shell."""
    world.write("train.py", "import json, sys\njson.dump(sys.argv[1:], open('model.bin', 'w'))\n")
    words = ["-n", "fraud", "-o", "model.bin", "--", sys.executable, "train.py", *HOSTILE]
    ended = runner.run(world.top, {"command": "run", "args": "\n".join(words)})
    assert ended.code == 0, ended.err
    assert json.loads((world / "model.bin").read_text()) == HOSTILE
    assert not (world / "pwned").exists()


@pytest.mark.parametrize("command", [*HOSTILE, "run; touch pwned", "run\ntouch pwned"])
def test_a_command_that_is_none_is_refused(runner: Runner, world: World, command: str) -> None:
    ended = runner.run(world.top, {"command": command})
    assert (ended.code, ended.out, ended.outputs) == (2, "", {})
    assert not (world / "pwned").exists()


def test_the_action_compares(runner: Runner, fraud: World) -> None:
    """`diff --ci`: a summary for people, outputs for the next steps, and the exit code of `--fail-if-worse`."""
    fraud.cli("promote", "fraud", "production")
    worse = fraud.add("worse", metrics={"auc": 0.5}).version
    ended = runner.run(fraud.top, {"command": "diff", "args": "fraud\n--ci\n--fail-if-worse"})
    assert ended.code == 1
    assert ended.outputs == {"recommendation": "RECOMMEND_A", "version": worse, "improved": "false"}
    assert "| `auc` |" in ended.summary


def test_the_action_makes_tags_and_names_them(runner: Runner, fraud: World, tmp_path: Path) -> None:
    """`sync --push --ci`: `new` and `promotions` are JSON for fromJSON; a second run finds nothing new."""
    job = merged(fraud, tmp_path)
    ended = runner.run(job.top, {"command": "sync", "args": "--push\n--ci"})
    assert ended.code == 0, ended.err
    new, promotions = (json.loads(ended.outputs[name]) for name in ("new", "promotions"))
    assert [each["tag"] for each in new] == ["fraud@v1.0.0", "fraud#production#1"]
    assert promotions == new[1:]
    assert (promotions[0]["model"], promotions[0]["stage"]) == ("fraud", "production")
    assert "`fraud#production#1`" in ended.summary
    again = runner.run(job.top, {"command": "sync", "args": "--push\n--ci"})
    assert (again.code, again.outputs) == (0, {"new": "[]", "promotions": "[]"})
    assert again.summary == "No new tags.\n\n"


def test_of_two_promotions_to_a_stage_the_last_is_deployed(runner: Runner, fraud: World, tmp_path: Path) -> None:
    """Both are new; jobs that deploy both would run at the same time, and either could be last."""
    job = merged(fraud, tmp_path)
    fraud.cli("promote", "fraud~1", "production")
    fraud.cli("promote", "fraud~2", "production")
    fraud.git("push", "-q", tmp_path / "origin.git", "main")
    job.git("pull", "-q", "origin", "main")
    outputs = runner.run(job.top, {"command": "sync", "args": "--push\n--ci"}).outputs
    assert [each["tag"][-1] for each in json.loads(outputs["new"]) if each["kind"] == "promotion"] == ["1", "2", "3"]
    (last,) = json.loads(outputs["promotions"])
    assert (last["tag"], last["version"]) == ("fraud#production#3", fraud.json("show", "fraud~2")["version"])


def test_a_wrong_tag_fails_the_step_after_its_outputs_are_written(runner: Runner, fraud: World, tmp_path: Path) -> None:
    job = merged(fraud, tmp_path)
    fraud.git("tag", "-a", "-m", "by hand", "fraud@v1.0.0", "main~3", at=tmp_path / "origin.git")
    ended = runner.run(job.top, {"command": "sync", "args": "--push\n--ci"})
    assert (ended.code, [each["stage"] for each in json.loads(ended.outputs["promotions"])]) == (1, ["production"])
    assert "### Wrong tags" in ended.summary


def test_what_the_action_gives_on_is_what_modelver_says(runner: Runner) -> None:
    """Each output of the action is the output of the same name that a command with --ci writes."""
    outputs = yaml.safe_load(ACTION.read_text("utf-8"))["outputs"]
    assert set(outputs) == {"new", "promotions", "recommendation", "version", "improved"}
    for name, output in outputs.items():
        assert output["value"] == f"${{{{ steps.command.outputs.{name} }}}}"


# ---- jobs --------------------------------------------------------------------------------------------------------


def as_a_runner(bare: Path, top: Path, *, ref: str = "main", into: str = "refs/remotes/origin/main") -> World:
    """One commit of one ref, no other tags, a detached head: what forges give a job."""
    subprocess.run(["git", "init", "-q", "--template=", top], check=True)
    job = World(top)
    job.git("remote", "add", "origin", f"file://{bare}")
    job.git("fetch", "-q", "--no-tags", "--depth=1", "origin", f"+{ref}:{into}")
    job.git("checkout", "-q", "--detach", into)
    return job


def merged(world: World, tmp_path: Path) -> World:
    """A job after a label and a promotion came to main by a squash; main lies in the bare origin.git."""
    world.git("clone", "-q", "--bare", world.top, tmp_path / "origin.git")
    world.git("checkout", "-q", "-b", "work")
    world.cli("tag", "fraud", "1.0.0")
    world.cli("promote", "fraud", "production")
    world.git("checkout", "-q", "main")
    world.git("merge", "-q", "--squash", "work")
    world.git("commit", "-q", "-m", "release (#7)")
    world.git("push", "-q", tmp_path / "origin.git", "main")
    return as_a_runner(tmp_path / "origin.git", tmp_path / "job")


def test_the_recipe_for_any_ci(wheel: Path, world: World, tmp_path: Path) -> None:
    """In a job's clone: trains, registers, pushes on top of what came during the training, deploys what is new.

    A job that is run again deploys nothing.
    """
    page = (PROJECT / "docs" / "ci.md").read_text("utf-8")
    recipe = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[0]
    world.write("deploy.sh", '#!/bin/sh\necho "$1" "$(cat "$2")" >>deployed\n', mode=0o755)
    world.write("train.csv", "a,b\n1,2\n")
    meanwhile = ["git", "-C", str(world.top), "push", "-q", str(tmp_path / "origin.git"), "main"]
    world.write(
        "train.py",
        f"import subprocess\nsubprocess.run({meanwhile})\n"
        "open('fraud.bin', 'w').write('weights')\nopen('metrics.json', 'w').write('{\"auc\": 1}')\n",
    )
    world.git("add", "deploy.sh", "train.csv", "train.py")
    world.git("commit", "-q", "-m", "a project")
    world.git("clone", "-q", "--bare", world.top, tmp_path / "origin.git")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    lend_packages(tmp_path / "venv")
    inherited = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    env = inherited | {"MODELVER": str(wheel), "PIP_NO_DEPS": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    env["PIP_IGNORE_INSTALLED"] = "1"  # the lent packages may have modelver among them, without its program
    env["PATH"] = os.pathsep.join([str(tmp_path / "venv" / "bin"), os.environ["PATH"]])

    def run(job: World) -> Any:
        done = subprocess.run(["sh", "-c", recipe], cwd=job.top, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads((job / "sync.json").read_text())

    job = as_a_runner(tmp_path / "origin.git", tmp_path / "job")
    world.add("meanwhile", "other", "other.bin")
    found = run(job)
    assert found["replayed"] == 2
    assert [(each["model"], each["kind"]) for each in found["new"]] == [
        ("fraud", "version"),
        ("other", "version"),
        ("fraud", "promotion"),
    ]
    assert (job / "deployed").read_text() == "fraud weights\n"
    assert job.git("log", "-1", "--format=%an") == "CI\n"
    version = found["new"][0]["version"]
    assert {version, "fraud#production#1"} <= set(job.git("tag", at=tmp_path / "origin.git").split())
    assert job.git("rev-parse", "HEAD") == job.git("rev-parse", "main", at=tmp_path / "origin.git")
    again = as_a_runner(tmp_path / "origin.git", tmp_path / "again")
    assert run(again)["new"] == []
    assert not (again / "deployed").exists()


# ---- the workflows on the page, run ------------------------------------------------------------------------------


@dataclass
class Workflow:
    """Runs the jobs of a workflow on the page, as far as a forge is not needed: a checkout is a clone that is here."""

    name: str
    runner: Runner
    known: dict[str, str] = field(default_factory=dict)
    """The expressions and their values."""

    @property
    def jobs(self) -> Any:
        return next(each["jobs"] for each in map(yaml.safe_load, WORKFLOWS.values()) if each["name"] == self.name)

    def filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ *(\S+) *\}\}", lambda found: self.known[found[1]], text)

    def run(self, job: str, at: World, **env: str) -> str:
        """Everything that the steps of a job print; all have to succeed."""
        said = ""
        for step in self.jobs[job]["steps"]:
            uses = step.get("uses", "")
            if uses.startswith("OWNER/modelver@"):
                ended = self.runner.run(at.top, step.get("with", {}))
                assert ended.code == 0, ended.out + ended.err
                said += ended.out + ended.summary
                self.known |= {f"steps.{step.get('id')}.outputs.{key}": value for key, value in ended.outputs.items()}
            elif "run" in step:
                variables = {key: self.filled(str(value)) for key, value in step.get("env", {}).items()}
                variables["PATH"] = os.pathsep.join([*self.runner.paths, str(at.top.parent), os.environ["PATH"]])
                done = subprocess.run(
                    ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                    cwd=at.top,
                    env=environment() | variables | env,
                    capture_output=True,
                    text=True,
                )
                assert done.returncode == 0, done.stdout + done.stderr
                said += done.stdout
            else:
                assert uses.startswith("actions/checkout@"), step
        outputs = self.jobs[job].get("outputs", {})
        self.known |= {f"needs.{job}.outputs.{name}": self.filled(value) for name, value in outputs.items()}
        return said


@pytest.fixture
def project(fraud: World) -> World:
    """A repository with what the examples call: a training, and a deployment that says what it was given."""
    fraud.write("deploy.sh", '#!/bin/sh\necho "deployed $*"\n', mode=0o755)
    fraud.write("train.py", "open('fraud.bin', 'w').write('new')\nopen('metrics.json', 'w').write('{}')\n")
    fraud.git("add", "deploy.sh", "train.py")
    fraud.git("commit", "-q", "-m", "a project")
    return fraud


def test_the_workflow_that_makes_tags_deploys_what_is_new(runner: Runner, project: World, tmp_path: Path) -> None:
    """The first job of `models` hands the second one its matrix."""
    job = merged(project, tmp_path)
    workflow = Workflow("models", runner)
    workflow.run("sync", job)
    promotions = "needs.sync.outputs.promotions"
    assert workflow.jobs["deploy"]["if"] == f"${{{{ !cancelled() && {promotions} != '' && {promotions} != '[]' }}}}"
    assert workflow.jobs["deploy"]["strategy"]["matrix"] == {
        "promotion": "${{ fromJSON(needs.sync.outputs.promotions) }}"
    }
    (promotion,) = json.loads(workflow.known["needs.sync.outputs.promotions"])
    workflow.known |= {f"matrix.promotion.{key}": str(value) for key, value in promotion.items()}
    version = project.json("show", "fraud")["version"]
    assert workflow.run("deploy", job) == f"deployed fraud {version} production\n"


def test_the_workflow_that_trains_registers(runner: Runner, project: World, tmp_path: Path) -> None:
    job = merged(project, tmp_path)
    (tmp_path / "python").symlink_to(sys.executable)
    runner = Runner(runner.temp, runner.source, [*runner.paths, str(tmp_path)])
    Workflow("train", runner).run("train", job)
    newest = job.json("show", "fraud")["version"]
    assert newest in job.git("tag", at=tmp_path / "origin.git")
    assert job.git("rev-parse", "HEAD") == job.git("rev-parse", "main", at=tmp_path / "origin.git")


def test_the_workflow_of_a_pull_request_compares(runner: Runner, project: World, tmp_path: Path) -> None:
    """It stands at the merge that the forge tries, a commit of no branch, and has nothing else."""
    project.cli("promote", "fraud", "production")
    project.git("clone", "-q", "--bare", project.top, tmp_path / "origin.git")
    project.git("checkout", "-q", "-b", "better")
    project.add("better", metrics={"auc": 0.95})
    project.git("push", "-q", tmp_path / "origin.git", "HEAD:refs/pull/7/merge")
    job = as_a_runner(
        tmp_path / "origin.git", tmp_path / "job", ref="refs/pull/7/merge", into="refs/remotes/pull/7/merge"
    )
    workflow = Workflow("compare", runner, {"github.event.pull_request.number": "7", "github.token": "secret"})
    said = workflow.run("compare", job)
    assert "RECOMMEND_B" in said
    (tmp_path / "gh").write_text('#!/bin/sh\necho "$@"; test -n "$GH_TOKEN"; cat comment.md\n')
    (tmp_path / "gh").chmod(0o755)
    said = workflow.run("comment", job)
    assert said.startswith("pr comment 7 --body-file comment.md\n## ")


def test_the_workflow_that_a_tag_starts_deploys_its_version(runner: Runner, project: World, tmp_path: Path) -> None:
    version = project.json("show", "fraud~1")["version"]
    project.cli("promote", "fraud~1", "production")
    project.cli("promote", "fraud", "production")
    tag = "fraud#production#1"
    workflow = Workflow("deploy", runner)
    # The deployment is that of the version's commit, which is older than the script of this project.
    job = as_a_runner(project.top, tmp_path / "job", ref=f"refs/tags/{tag}", into=f"refs/tags/{tag}")
    shutil.copy(project / "deploy.sh", job.top)
    assert workflow.run("deploy", job, GITHUB_REF_NAME=tag) == f"deployed {version} production\n"


# ---- GitLab ------------------------------------------------------------------------------------------------------


def scripts(name: str, package: Path) -> tuple[str, str]:
    """`before_script` and `script` of a job of the template, with what it extends and its inputs filled in."""
    text = TEMPLATE.read_text("utf-8").split("\n---\n")[1]
    jobs = yaml.safe_load(text.replace("$[[ inputs.modelver ]]", str(package)).replace("$[[ inputs.image ]]", "none"))
    job = jobs[name]
    while "extends" in job:
        base = jobs[job["extends"]]
        variables = base.get("variables", {}) | job.get("variables", {})  # GitLab merges maps
        job = base | {key: value for key, value in job.items() if key != "extends"} | {"variables": variables}
    assert job["variables"].get("MODELVER_PACKAGE", str(package)) == str(package)
    return "\n".join(job["before_script"]), "\n".join(job["script"])


def gitlab(name: str, at: World, wheel: Path, shell: str = "sh", **variables: str) -> Any:
    """Run a job as GitLab's runner does: one shell for all of it, which stops at an error."""
    before, script = scripts(name, wheel)
    packages = f"export PYTHONPATH='{sysconfig.get_path('purelib')}'"
    inherited = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    started = ["bash", "-eo", "pipefail"] if shell == "bash" else ["dash", "-e"]
    return subprocess.run(
        [*started, "-c", f"{before}\n{packages}\n{script}\necho the end"],
        cwd=at.top,
        env=inherited
        | {"MODELVER_PACKAGE": str(wheel), "PIP_NO_DEPS": "1", "CI_SERVER_HOST": "gitlab.test"}
        | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_the_template_runs_a_training(wheel: Path, world: World, shell: str) -> None:
    """`.modelver-run` passes each line on as it is, and gives commits an author where there is none."""
    world.write("train.py", "import json, sys\njson.dump(sys.argv[1:], open('model.bin', 'w'))\n")
    words = ["-n", "fraud", "-o", "model.bin", "--", sys.executable, "train.py", *HOSTILE]
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GITLAB_USER_NAME": "Ada", "GITLAB_USER_EMAIL": "ada@example.org"}
    done = gitlab(".modelver-run", world, wheel, shell, MODELVER_ARGS="\n".join([*words, ""]), **who)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("the end\n")
    assert json.loads((world / "model.bin").read_text()) == HOSTILE
    assert not (world / "pwned").exists()
    assert world.json("show", "fraud")["created_by"] == "Ada <ada@example.org>"


def test_the_template_compares(wheel: Path, fraud: World) -> None:
    """`.modelver-diff`: the comparison is a file and in the log, also where the exit code says that it is worse."""
    fraud.cli("promote", "fraud", "production")
    fraud.add("worse", metrics={"auc": 0.5})
    done = gitlab(".modelver-diff", fraud, wheel, MODELVER_ARGS="fraud\n--fail-if-worse\n")
    assert done.returncode == 1
    assert "| `auc` |" in (fraud / "modelver-diff.md").read_text()
    assert (fraud / "modelver-diff.md").read_text() in done.stdout
    done = gitlab(".modelver-diff", fraud, wheel, MODELVER_ARGS="fraud")
    assert (done.returncode, done.stdout[-8:]) == (0, "the end\n")


@pytest.mark.parametrize("token", ["", "s3cret$(touch pwned)"])
def test_the_template_pushes(wheel: Path, fraud: World, tmp_path: Path, token: str) -> None:
    """`.modelver-sync`: with a token by HTTP, which Git asks for; without one as the clone is set up."""
    job = merged(fraud, tmp_path)
    with served(tmp_path, token) as address:
        shutil.copytree(tmp_path / "origin.git", tmp_path / "group" / "project.git") if token else None
        done = gitlab(".modelver-sync", job, wheel, MODELVER_TOKEN=token, CI_PROJECT_URL=f"{address}/group/project")
    assert done.returncode == 0, done.stderr
    found = json.loads((job / "modelver-sync.json").read_text())
    assert [each["tag"] for each in found["new"]] == ["fraud@v1.0.0", "fraud#production#1"]
    bare = tmp_path / ("group/project.git" if token else "origin.git")
    assert "fraud#production#1" in job.git("tag", at=bare)
    if token:
        assert token not in done.stdout + done.stderr + (job / ".git" / "config").read_text()
    assert not (job / "pwned").exists()


@contextlib.contextmanager
def served(top: Path, token: str) -> Iterator[str]:
    """The repositories below `top` by HTTP, for whoever has the token; the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            if given.partition(":")[2] != token:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="test"')
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            env = os.environ | {
                "GIT_PROJECT_ROOT": str(top),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "REMOTE_USER": "ci",
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            out = subprocess.run(
                ["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE, check=True
            ).stdout
            head, _, rest = out.partition(b"\r\n\r\n")
            lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
            status = next((int(value.split()[0]) for name, value in lines if name == "Status"), 200)
            self.send_response(status)
            for name, value in lines:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(rest)

        do_GET = do_POST = answer

        def log_message(self, *words: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
