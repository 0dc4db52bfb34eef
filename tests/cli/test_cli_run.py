"""`run`: a training command as it is given; when it succeeds, what it made is a version, with all that made it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from worlds import World, environment, program, sha256

TRAIN = """\
import json, os, sys
weights, words = sys.argv[1], sys.argv[2:]
open("model.bin", "w").write(weights)
json.dump({"auc": 0.9, "val": {"loss": 0.5}, "broken": float("nan"), "name": "x"}, open("metrics.json", "w"))
print("trained", *words)
print("on the side", file=sys.stderr)
"""


@pytest.fixture
def trained(world: World) -> World:
    """A world with a training script in its commit."""
    world.commit({"train.py": TRAIN, "data.csv": "1,2\n"})
    return world


def head(world: World) -> str:
    """The commit that is checked out."""
    return world.git("rev-parse", "HEAD").strip()


def run(world: World, *words: str, options: tuple[str, ...] = (), code: int = 0, **more) -> object:
    """`modelver run` of the training script."""
    start = ("run", "-n", "fraud", "-o", "model.bin", *options)
    return world.cli(*start, "--", sys.executable, *words, code=code, **more)


def test_what_a_training_leaves(trained: World) -> None:
    """`run`: the version has metrics, inputs as they were at the start, the command and the environment."""
    before = head(trained)
    trained.write("params.toml", "lr = 0.1\n[net]\nlayers = 3\n")
    options = ("--metrics", "metrics.json", "--params", "params.toml", "--data", "train=data.csv", "--code", "train.py")
    ran = run(trained, "train.py", "weights", "--lr", "0.1", "--token", "s3cr3t", options=(*options, "-m", "first"))
    assert "trained --lr 0.1 --token s3cr3t\n" in ran.out
    assert "on the side\n" in ran.err
    shown = trained.json("show", "fraud")
    assert (shown["hash"], shown["message"]) == (sha256("weights"), "first")
    assert shown["metrics"] == {"auc": 0.9, "val.loss": 0.5}
    assert "left out: metric 'broken'" in ran.err
    assert "left out: metric 'name'" in ran.err
    assert shown["params"] == {"lr": 0.1, "net.layers": 3}
    data, code = shown["inputs"]
    assert (data["id"], data["path"], data["digest"]) == ("train", "data.csv", f"sha256:{sha256('1,2' + chr(10))}")
    assert (code["id"], code["commit"], code["dirty"]) == ("train.py", before, False)
    found = shown["environment"]
    assert found["command"] == f"{sys.executable} train.py weights --lr 0.1 --token '***'"
    assert (found["commit"], found["dirty"]) == (before, False)
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["seconds"] > 0
    assert found["peak_bytes"] > 1_000_000
    packages = trained.object(found["packages"]).read_text()
    assert any(line.startswith("pytest==") for line in packages.splitlines())
    assert "s3cr3t" not in json.dumps(shown)
    trained.assert_sound()
    assert trained.json("verify", "--objects")["problems"] == []


def test_show_environment(trained: World) -> None:
    """`show --environment`: also what was installed; in JSON as a list."""
    run(trained, "train.py", "weights")
    assert "packages" not in trained.json("show", "fraud")
    listed = trained.cli("--json", "show", "fraud", "--environment").json["packages"]
    assert any(line.startswith("pytest==") for line in listed)
    shown = trained.cli("show", "fraud", "--environment").out
    assert "\ntrained command  " in shown
    assert "\npackage " in shown
    digest = trained.json("show", "fraud")["environment"]["packages"]
    trained.object(digest).unlink()
    trained.cli("show", "fraud", "--environment", code=3)
    trained.cli("show", "fraud")


def test_what_changed_in_packages(trained: World) -> None:
    """`diff`: packages and versions that only one side has."""
    run(trained, "train.py", "a")
    before = trained.json("show", "fraud")["environment"]["packages"]
    text = trained.object(before).read_text()
    with trained.registry as registry:
        other = registry.objects.put_bytes(text.replace("pytest==", "pytest==0.").encode())
    version = trained.json("show", "fraud")["version"]
    path = f".modelver/models/fraud/versions/{version[1:7]}/{version[7:9]}/{version}.yaml"
    record = trained.record(path)
    moved = f"{version[:9]}235959_{version[-8:]}"
    moment = f"{version[1:5]}-{version[5:7]}-{version[7:9]}T23:59:59Z"
    lines = [f"created_at: '{moment}'" if line.startswith("created_at") else line for line in record.split("\n")]
    again = "\n".join(lines).replace(before, other).replace(version, moved)
    trained.commit({path.replace(version, moved): again})
    found = trained.json("diff", version, moved)["similarity"]["differences"]["environment"]
    assert [line for line in found["only_b"] if line.startswith("pytest==0.")]


def test_equal_environments_share_an_object(trained: World) -> None:
    """Environment: the list of packages is stored once."""
    for weights in ("a", "b"):
        run(trained, "train.py", weights)
    found = [trained.json("show", ref)["environment"]["packages"] for ref in ("fraud", "fraud~1")]
    assert found[0] == found[1]
    assert trained.json("diff", "fraud~1", "fraud")["similarity"]["aspects"]["environment"] > 0.9


def test_the_patch_gives_back_the_very_code(trained: World) -> None:
    """Environment: what was changed since the commit, staged or not, is kept as a patch that `git apply` takes."""
    trained.git("config", "diff.noprefix", "true")
    trained.git("config", "diff.external", "false")
    trained.write("train.py", TRAIN + "# changed\n")
    trained.write("new.bin", bytes(range(256)))
    trained.git("add", "new.bin")
    (trained / "README.md").unlink()
    run(trained, "train.py", "weights")
    found = trained.json("show", "fraud")["environment"]
    assert found["dirty"] is True
    patch = trained.object(found["patch"]).read_bytes()
    trained.git("worktree", "add", "-q", "--detach", trained.top.parent / "again", found["commit"])
    again = trained.top.parent / "again"
    trained.git("apply", at=again, input=patch)
    assert (again / "train.py").read_text() == TRAIN + "# changed\n"
    assert (again / "new.bin").read_bytes() == bytes(range(256))
    assert not (again / "README.md").exists()


@pytest.mark.parametrize("code", [1, 7, 42])
def test_a_command_that_fails_registers_nothing(trained: World, code: int) -> None:
    """`run`: its exit code is passed on, and an error says whose it is."""
    before = head(trained)
    words = ("-c", f"open('model.bin', 'w').write('x'); raise SystemExit({code})")
    assert (
        f"error: the command ended with exit code {code}, so nothing was registered"
        in run(trained, *words, code=code).err
    )
    error = run(trained, *words, code=code, options=("--json",)).error
    assert (error["code"], error["source"]) == (code, "command")
    assert head(trained) == before


def test_an_output_that_was_not_written_is_not_registered(trained: World) -> None:
    """`run`: missing or unchanged, of the model, the metrics or the predictions; the exit code is the command's."""
    trained.write("model.bin", "old")
    before = head(trained)
    assert "'model.bin' was not written" in run(trained, "-c", "pass").err
    assert (
        "'metrics.json' is not there"
        in run(trained, "-c", "open('model.bin', 'w').write('new')", options=("--metrics", "metrics.json")).err
    )
    assert head(trained) == before
    run(trained, "-c", "open('model.bin', 'w').write('new')")  # the same bytes, written again
    assert head(trained) != before


def test_what_is_wrong_with_us_is_told_before_the_training(trained: World) -> None:
    """`run`: an error of ours says so, and the command was not started."""
    for words in (("--data", "nothing.csv"), ("-o", "/tmp/elsewhere.bin"), ("--label", "x y"), ("--params", "no.json")):
        error = run(trained, "-c", "open('started', 'w')", options=("--json", *words), code=2).error
        assert error["source"] == "modelver"
    assert "there" in run(trained, "x", options=("--data", "nothing.csv"), code=2).err
    assert not (trained / "started").exists()
    missing = trained.cli("--json", "run", "-n", "fraud", "-o", "model.bin", "--", "no-such-program", code=2).error
    assert "no-such-program" in missing["message"]


def test_what_can_be_known_is_refused_before_the_training(trained: World) -> None:
    """`run`: a label that is taken, a tracked output, parameters that no record holds, a stage that is none."""
    trained.add("x", "fraud", "other.bin", label="1.0.0")
    trained.commit({"tracked.bin": "x"})
    trained.write("nan.json", '{"lr": NaN}')
    for words, code in (
        (("--label", "1.0.0"), 4),
        (("-o", "tracked.bin"), 4),
        (("--params", "nan.json"), 2),
        (("--promote-if-better", "BAD STAGE!"), 2),
        (("--data", "https://me:pw@h/x"), 2),
    ):
        run(trained, "-c", "open('started', 'w')", options=words, code=code)
        assert not (trained / "started").exists(), words


def test_what_is_wrong_afterwards_loses_no_training(trained: World) -> None:
    """`run`: predictions that are none are left out and named; a stage that is not to be had, too."""
    code = "open('model.bin', 'w').write('x'); open('p.csv', 'w').write('id\\n')"
    ran = run(trained, "-c", code, options=("--predictions", "p.csv"))
    assert "registered without predictions: " in ran.err
    trained.commit({".modelver/config.yaml": "format: 1\nstages: {a: }\n"})
    ran = run(trained, "train.py", "y", options=("--promote-if-better", "b"))
    assert "not promoted: 'b' is no stage of this registry" in ran.err
    assert trained.json("show", "fraud")["hash"] == sha256("y")


def test_only_a_python_that_trained_is_recorded(trained: World) -> None:
    """Environment: of a command that is no Python, without an active environment, no packages are recorded."""
    trained.write("train.sh", "#!/bin/sh\necho x > model.bin\n", mode=0o755)
    ran = trained.cli("run", "-n", "fraud", "-o", "model.bin", "--", "./train.sh")
    assert "is not known to start a Python" in ran.err
    found = trained.json("show", "fraud")["environment"]
    assert "packages" not in found
    assert "cpus" in found


def test_code_that_git_does_not_track_is_named(trained: World) -> None:
    """Environment: the patch cannot have it, and says so."""
    trained.write("new.py", TRAIN)
    ran = run(trained, "new.py", "x", options=("--code", "new.py"))
    assert "new.py is not in the patch of the code" in ran.err
    assert trained.json("show", "fraud")["environment"]["dirty"] is True


def test_json_keeps_the_commands_output_apart(trained: World) -> None:
    """`run --json`: the document alone on standard output."""
    ran = run(trained, "train.py", "weights", options=("--json",))
    assert "trained" in ran.err
    answer = json.loads(ran.out)
    assert (answer["created"], answer["promoted"], answer["hash"]) == (True, None, sha256("weights"))
    assert answer["command"] == f"{sys.executable} train.py weights"


def test_promote_if_better(trained: World) -> None:
    """`run --promote-if-better`: what is not better is registered all the same, and that is no error."""
    options = ("--promote-if-better", "production", "--metric", "auc=0.8")
    assert json.loads(run(trained, "train.py", "a", options=("--json", *options)).out)["promoted"] is True
    worse = ("--promote-if-better", "production", "--metric", "auc=0.5")
    ran = run(trained, "train.py", "b", options=worse)
    assert "note: not promoted: " in ran.err
    assert trained.json("show", "fraud@production")["hash"] == sha256("a")
    better = ("--promote-if-better", "production", "--metric", "auc=0.95", "--bump", "minor")
    answer = json.loads(run(trained, "train.py", "c", options=("--json", *better)).out)
    assert (answer["promoted"], answer["stages"], answer["labels"]) == (True, ["production"], ["0.1.0"])


def test_interruptions_reach_the_command(trained: World) -> None:
    """`run`: Ctrl-C and SIGTERM end the command, and nothing is registered."""
    before = head(trained)
    slow = "import time; open('model.bin', 'w').write('x'); print('ready', flush=True); time.sleep(60)"
    words = [*program(), "run", "-o", "model.bin", "--", sys.executable, "-c", slow]
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            words, cwd=trained.top, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode in (128 + number, 130)
    assert head(trained) == before


def test_the_command_has_the_terminal(trained: World) -> None:
    """`run`: what asks for a terminal finds it."""
    ours, theirs = pty.openpty()
    code = "import sys; open('model.bin', 'w').write(str(sys.stdin.isatty() and sys.stdout.isatty()))"
    words = [*program(), "run", "-n", "fraud", "-o", "model.bin", "--", sys.executable, "-c", code]
    done = subprocess.run(words, cwd=trained.top, env=environment(), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 0
    assert (trained / "model.bin").read_text() == "True"


def test_a_gigabyte_of_output_and_a_process_left_behind(trained: World) -> None:
    """`run`: output is passed on and not kept; whoever stays in the background keeps nobody waiting."""
    code = (
        "import os, sys\n"
        "for _ in range(1000): sys.stdout.write('x' * 1_000_000)\n"
        "open('model.bin', 'w').write('x')\n"
        "if os.fork() == 0:\n    import time; time.sleep(20)\n"
    )
    began = time.monotonic()
    with open(os.devnull, "w") as nowhere:
        words = [*program(), "run", "-n", "fraud", "-o", "model.bin", "--", sys.executable, "-c", code]
        done = subprocess.run(words, cwd=trained.top, env=environment(), stdout=nowhere, stderr=nowhere)
    assert done.returncode == 0
    assert time.monotonic() - began < 20
    assert trained.json("show", "fraud")["hash"] == sha256("x")


@pytest.mark.parametrize(
    ("name", "text", "metrics"),
    [
        ("metrics.csv", "step,loss,auc\n1,0.9,0.5\n2,0.5,0.75\n", {"step": 2, "loss": 0.5, "auc": 0.75}),
        ("metrics.yaml", "val:\n  loss: 0.5\n", {"val.loss": 0.5}),
        ("metrics.toml", "auc = 0.5\nbad = nan\n", {"auc": 0.5}),
        ("metrics.json", '{"auc": Infinity, "f1": 0.5}', {"f1": 0.5}),
        ("metrics.json", "{broken", {}),
    ],
)
def test_metrics_in_any_form_lose_no_training(trained: World, name: str, text: str, metrics: dict) -> None:
    """`run`: JSON, YAML, TOML, CSV; what is no number, or no file of numbers, is told, and the model is registered."""
    code = f"open('model.bin', 'w').write('x'); open({name!r}, 'w').write({text!r})"
    run(trained, "-c", code, options=("--metrics", name))
    assert trained.json("show", "fraud").get("metrics", {}) == metrics


def test_track_tells_early_and_follows_the_directory(trained: World) -> None:
    """Python: a wrong word is told before the training; a path is meant where `save` is called."""
    script = """
import modelver, os
for words in ({"label": "x y"}, {"nothing": 1}, {"params": {1: 2}}):
    try:
        with modelver.track("fraud", **words):
            print("started")
    except (modelver.ModelverError, TypeError) as error:
        print(type(error).__name__)
os.makedirs("sub")
with modelver.track("fraud") as run:
    os.chdir("sub")
    open("model.bin", "w").write("x")
    run.log_params(lr=float("nan"), epochs=3)
    run.save("model.bin")
print(run.version.path)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=trained.top, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["UsageError", "TypeError", "UsageError", "sub/model.bin"]
    assert trained.json("show", "fraud")["params"] == {"epochs": 3}


def test_track(trained: World) -> None:
    """Python: `modelver.track` registers at the end what was saved, and nothing on an exception."""
    script = """
import modelver, sys
with modelver.track("fraud", data=["data.csv"], code=["train.py"], params={"lr": 0.1}, message="inside") as run:
    run.log(auc=0.8)
    run.log(auc=0.9, broken=float("inf"))
    open("model.bin", "w").write("tracked")
    run.save("model.bin")
print(run.version.version)
try:
    with modelver.track("fraud") as run:
        run.save("model.bin")
        raise KeyError("x")
except KeyError:
    print(run.version)
try:
    with modelver.track("fraud") as run:
        pass
except modelver.ModelverError as error:
    print(error.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=trained.top, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    version, nothing, code = done.stdout.split()
    shown = trained.json("show", "fraud")
    assert (shown["version"], nothing, code) == (version, "None", "2")
    assert (shown["metrics"], shown["params"], shown["message"]) == ({"auc": 0.9}, {"lr": 0.1}, "inside")
    assert [each["id"] for each in shown["inputs"]] == ["data.csv", "train.py"]
    assert shown["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert Path(trained.object(shown["environment"]["packages"])).exists()
    assert len(trained.json("list", "fraud")["versions"]) == 1


def test_add_records_the_active_environment(trained: World, tmp_path: Path) -> None:
    """`add`: that of VIRTUAL_ENV or CONDA_PREFIX, or of --python; without any, none is looked at."""
    trained.write("requirements.txt", "x==1\n")
    for name, env, words in (
        ("none", {}, ()),
        ("venv", {"VIRTUAL_ENV": sys.prefix}, ()),
        ("conda", {"CONDA_PREFIX": sys.prefix}, ()),
        ("named", {}, ("--python", sys.executable)),
    ):
        trained.write("model.bin", name)
        trained.cli("add", "model.bin", "-n", "fraud", *words, env={"SECRET_TOKEN": "hunter2", **env})
        record = trained.json("show", "fraud")
        if name == "none":
            assert "environment" not in record
            continue
        found = record["environment"]
        assert found["python"] == ".".join(map(str, sys.version_info[:3])), name
        assert found["locks"] == {"requirements.txt": f"sha256:{sha256('x==1' + chr(10))}"}
        assert trained.object(found["packages"]).exists()
        assert "hunter2" not in json.dumps(record)
    trained.write("model.bin", "broken")
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    ran = trained.cli("add", "model.bin", "-n", "fraud", "--python", broken)
    assert "tells nothing of its environment" in ran.err
