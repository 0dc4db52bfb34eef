"""What is told of an interpreter, of what is installed for it, and of this machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.programs import environment
from modelver.programs.environment import Described, describe, interpreter_of, lock_files

BASE = Path(sys.base_prefix, "bin", "python3")
PURELIB = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
HAS_GPU = Path("/proc/driver/nvidia").exists()


def variables(**more: str) -> dict[str, str]:
    """Those of a user who has only the system's programs."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **more}


def install(site: Path, name: str, version: str, origin: object = None) -> None:
    """Let a package be installed in a directory."""
    place = site / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText")
    if origin is not None:
        (place / "direct_url.json").write_text(json.dumps(origin))


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it; a test installs under names of its own."""
    place = tmp_path_factory.mktemp("virtual") / "venv"
    subprocess.run([BASE, "-m", "venv", "--without-pip", place], check=True)
    return place


def program(place: Path, text: str) -> Path:
    """A program that does what the text says, in the language of the shell."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return place


def test_the_interpreter_that_is_given_is_described(virtual):
    """Its version and its packages, not those of modelver's own environment."""
    install(virtual / PURELIB, "Given.Package_One", "1.0+cu121")
    told = describe(virtual / "bin/python", variables())
    assert told.values["python"] == platform.python_version()
    assert told.values["implementation"] == platform.python_implementation()
    assert told.values["platform"] == f"{platform.system()}-{platform.machine()}"
    assert "given-package-one==1.0+cu121\n" in told.packages
    assert "pytest==" not in told.packages
    assert told.remarks == ()


def test_the_active_environment_is_found_by_its_variable(virtual, tmp_path):
    """A virtual environment before one of conda, either before PATH, and one that is gone is passed over."""
    install(virtual / PURELIB, "of-the-venv", "1")
    conda = program(tmp_path / "conda/bin/python", f'exec {BASE} "$@"').parents[1]
    program(tmp_path / "bin/python3", f'exec {BASE} "$@"')
    found = environment._active
    both = variables(VIRTUAL_ENV=str(virtual), CONDA_PREFIX=str(conda))
    assert found(both) == virtual / "bin/python"
    assert "of-the-venv==1\n" in describe(None, both).packages
    assert found(variables(VIRTUAL_ENV=str(tmp_path / "gone"), CONDA_PREFIX=str(conda))) == conda / "bin/python"
    assert found(variables(VIRTUAL_ENV="", PATH=f"{tmp_path}/bin:/bin")) == tmp_path / "bin/python3"
    assert describe(None, variables(CONDA_PREFIX=str(conda))).values["python"] == platform.python_version()


def test_without_a_python_only_the_machine_is_described():
    """No Python is no fault."""
    told = describe(None, variables(PATH=""))
    assert not {"python", "implementation", "platform"} & set(told.values)
    assert told.values["cpus"] == os.cpu_count()
    assert (told.packages, told.remarks) == ("", ())


RUNNING = """
import dataclasses, json, subprocess
from modelver.programs.environment import running
subprocess.Popen = None  # no program is started
print(json.dumps(dataclasses.asdict(running())))
"""


def test_the_running_interpreter_says_of_itself_what_it_is_asked_for(tmp_path):
    """`track` and `run` tell the same of one environment, and equal environments have equal bytes."""
    said = subprocess.run([sys.executable, "-c", RUNNING], cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout
    here = Described(**json.loads(said))
    asked = describe(Path(sys.executable), dict(os.environ))
    assert here.packages == asked.packages
    assert all(asked.values[name] == value for name, value in here.values.items())
    lines = here.packages.splitlines()
    assert here.packages.endswith("\n")
    assert lines == sorted(lines, key=lambda line: line.split("==")[0].split(" @ ")[0])
    assert f"pytest=={metadata.version('pytest')}" in lines
    assert f"typing-extensions=={metadata.version('typing_extensions')}" in lines


def test_packages_of_the_users_own_and_of_pythonpath_are_told_where_python_would_find_them(virtual, tmp_path):
    """Their directories are read, nothing is imported from them; a virtual environment does not see the user's own."""
    home = tmp_path / "home"
    install(home / ".local" / PURELIB, "of-the-user", "1")
    install(tmp_path / "path", "of-the-path", "2")
    install(tmp_path / "path", "of-the-user", "3")
    (tmp_path / "path/json.py").write_text("raise SystemExit(9)")
    (home / ".local" / PURELIB / "usercustomize.py").write_text("raise SystemExit(9)")
    base = lambda **more: describe(BASE, variables(HOME=str(home), **more)).packages  # noqa: E731
    assert "of-the-user==1\n" in base()
    assert "of-the-user" not in base(PYTHONNOUSERSITE="1")
    both = base(PYTHONPATH=f"{tmp_path}/path:relative:")
    assert "of-the-path==2\n" in both
    assert "of-the-user==3\n" in both
    assert "of-the-user" not in describe(virtual / "bin/python", variables(HOME=str(home))).packages


def test_nothing_of_the_directory_that_we_are_in_is_run(tmp_path, monkeypatch):
    """A repository may come from anybody, and hold a module of any name."""
    for name in ("json", "platform", "site", "importlib", "sitecustomize", "typing"):
        (tmp_path / f"{name}.py").write_text("open('was-run', 'w')")
    monkeypatch.chdir(tmp_path)
    assert describe(BASE, variables()).values["python"] == platform.python_version()
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"url": "file:///home/me/x", "dir_info": {"editable": True}}, "{}==1.0 # editable"),
        ({"url": "file:///home/me/x", "dir_info": {}}, "{}==1.0"),
        ({"url": "file:///croot/x", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}}, "{}==1.0"),
        (
            {"url": "https://me:hunter2@h/x.git", "vcs_info": {"vcs": "git", "commit_id": "a1" * 20}},
            "{} @ git+https://h/x.git@" + "a1" * 20,
        ),
        (
            {
                "url": "ssh://git@h/x.git",
                "vcs_info": {"vcs": "git", "commit_id": "b" * 40},
                "dir_info": {"editable": True},
            },
            "{} @ git+ssh://git@h/x.git@" + "b" * 40 + " # editable",
        ),
        (
            {"url": "https://h/x.whl?token=hunter2", "archive_info": {"hash": "sha256=x"}},
            "{} @ https://h/x.whl?token=***",
        ),
        ({"url": "https://h/x\n==", "archive_info": {}}, "{}==1.0"),
        ({"url": "https://h/x", "vcs_info": {"vcs": "git", "commit_id": "a\nb"}}, "{}==1.0"),
        ({"url": 5}, "{}==1.0"),
        ([], "{}==1.0"),
    ],
)
def test_where_a_package_came_from(virtual, origin, line):
    """Version control with the commit, an archive's URL, an editable one as such; no credentials and no local path."""
    name = f"origin-{abs(hash(line + json.dumps(origin)))}"
    install(virtual / PURELIB, name, "1.0", origin)
    told = describe(virtual / "bin/python", variables())
    assert line.format(name) in told.packages.splitlines()
    assert "hunter2" not in told.packages


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("exit 3", "it ended with exit code 3"),
        ("kill -9 $$", "it ended with exit code -9"),
        ("exec yes", "it says more than 4,194,304 bytes"),
        ("sleep 600", "it did not answer within 0.5 s"),
        ("(sleep 600) & echo", "it did not answer within 0.5 s"),
        ("exec >&-; sleep 600", "it did not end within 0.5 s"),
        ("echo Python 3", "what it says is not what it was asked for"),
        ("printf '%1000000s' | tr ' ' '['", "what it says is not what it was asked for"),
    ],
)
def test_an_interpreter_that_is_broken_or_hangs_gives_a_remark(tmp_path, monkeypatch, text, remark):
    """The machine is described all the same; what it had started is gone."""
    monkeypatch.setattr(environment, "MAX_SECONDS", 0.5)
    broken = program(tmp_path / "python", text)
    told = describe(broken, variables())
    assert told.remarks == (f"'{broken}' tells nothing of its environment: {remark}",)
    assert told.packages == ""
    assert "cpus" in told.values


def test_what_a_hanging_interpreter_had_started_is_gone(tmp_path, monkeypatch):
    """As a wrapper of the interpreter starts it and waits for it."""
    monkeypatch.setattr(environment, "MAX_SECONDS", 0.5)
    describe(program(tmp_path / "python", f"sleep 600 & echo $! > {tmp_path}/started; wait"), variables())
    state = Path("/proc", (tmp_path / "started").read_text().strip(), "stat")
    lives = lambda: state.exists() and state.read_text().split()[2] != "Z"  # noqa: E731
    for _ in range(500):
        if lives():
            time.sleep(0.01)
    assert not lives()


def test_an_interpreter_that_is_not_there_gives_a_remark(tmp_path):
    """As one does that may not be started."""
    (remark,) = describe(tmp_path / "gone", variables()).remarks
    assert remark.endswith("it cannot be started (No such file or directory)")
    (remark,) = describe(tmp_path, variables()).remarks
    assert remark.endswith("it cannot be started (Permission denied)")


def answered(tmp_path: Path, answer: object) -> Described:
    (tmp_path / "answer").write_text(json.dumps(answer))
    return describe(program(tmp_path / "python", f"echo noise of a site; cat '{tmp_path}/answer'"), variables())


def test_a_hostile_answer_is_checked(tmp_path):
    """Names, versions and texts that would break a line or a terminal are left out and counted."""
    rows = [
        ["good", "1", None],
        ["GOOD", "2", None],
        ["a\nb", "1", None],
        ["a b", "1", None],
        ["x", "1\n2", None],
        ["x", "1 2", None],
        ["x", None, None],
        [None, "1", None],
        ["-x", "1", None],
        ["n" * 300, "1", None],
        "x",
        ["deep", "1", "[" * 4000],
        ["big", "1", '{"url": ' + "9" * 5000 + "}"],
    ]
    told = answered(tmp_path, {"python": "3.99\x1b[31m", "platform": 5, "system": "x\ny", "packages": rows})
    assert told.packages == "big==1\ndeep==1\ngood==1\n"
    assert told.remarks == ("packages that are installed but cannot be told: 9",)
    assert told.values["python"] == "3.99\\x1b[31m"
    assert told.values["system"] == "x y"
    assert "platform" not in told.values
    for answer in (None, [], {}, {"python": 3}, {"python": " "}):
        assert answered(tmp_path, answer).remarks == ("the interpreter does not say which Python it is",)
    told = answered(tmp_path, {"python": "3.6", "packages": None})
    assert "Python 3.8" in told.remarks[0]


def test_too_many_packages_are_cut_and_too_long_a_list_is_left_out(tmp_path):
    """20,000 packages, and 1 MiB of text, which is what a comparison reads."""
    told = answered(tmp_path, {"python": "3", "packages": [[f"p{number}", "1", None] for number in range(20_001)]})
    assert len(told.packages.splitlines()) == 20_000
    assert told.remarks == ("only the first 20,000 packages are recorded",)
    rows = [[f"p{number}{'x' * 90}", "1", None] for number in range(15_000)]
    told = answered(tmp_path, {"python": "3", "packages": rows})
    assert told.packages == ""
    assert told.remarks == ("the list of packages is larger than 1,048,576 bytes and is left out",)


ANSWERS = st.recursive(
    st.none() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=4), max_leaves=9
)


@given(st.fixed_dictionaries({"python": st.text(), "packages": ANSWERS | st.lists(ANSWERS)}) | ANSWERS)
def test_any_answer_gives_whole_lines(answer):
    """Whatever an interpreter says, there is no error, and every line is a package's."""
    told = environment._described(answer, {})
    for line in told.packages.splitlines():
        name, _, version = line.partition("==")
        assert environment._NAME.fullmatch(name)
        assert environment._VERSION.fullmatch(version)


def test_every_python_of_this_machine_can_be_asked():
    """Releases of which `importlib.metadata` is part tell their packages, older ones at least which they are."""
    for each in Path(sys.base_prefix).parent.glob("3.*.*/bin/python"):
        told = describe(each, variables())
        assert told.values["python"].startswith("3.")
        assert bool(told.remarks) == told.values["python"].startswith(("3.6.", "3.7."))


def test_values_of_variables_are_told_of_nobody(virtual):
    """An environment is what is installed, not what is set."""
    secrets = {"HF_TOKEN": "hunter2", "VIRTUAL_ENV": str(virtual), "CUDA_VISIBLE_DEVICES": "hunter2", "USER": "hunter2"}
    assert "hunter2" not in repr(describe(None, variables(**secrets)))
    assert str(virtual) not in repr(describe(None, variables(**secrets)))


@pytest.mark.skipif(sys.platform != "linux", reason="the machine is described from files of Linux")
def test_the_machine_is_described():
    """Its processors and its memory."""
    values = describe(None, variables(PATH="")).values
    assert values["memory"] == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if "model name" in Path("/proc/cpuinfo").read_text():
        assert f": {values['cpu']}\n" in " ".join(Path("/proc/cpuinfo").read_text().split(" "))


NVIDIA = """case "$*" in
*query-gpu*) printf 'NVIDIA A100-SXM4-80GB, 535.104.05\\nNVIDIA A100-SXM4-80GB, 535.104.05\\nTesla T4, 535.104.05\\n';;
*) printf 'Driver Version       : 535.104.05\\nCUDA Version          : 12.2\\n';;
esac"""


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU of its own")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NVIDIA, {"gpu": "NVIDIA A100-SXM4-80GB, Tesla T4", "gpus": 3, "gpu_driver": "535.104.05", "cuda": "12.2"}),
        ("echo 'NVIDIA T4, 535'", {"gpu": "NVIDIA T4", "gpus": 1, "gpu_driver": "535"}),
        ("echo 'No devices were found'", {}),
        ("exit 9", {}),
        ("sleep 600", {}),
        ("exec yes", {}),
    ],
)
def test_gpus_are_told_where_nvidia_smi_tells_them(tmp_path, monkeypatch, text, expected):
    """Names, how many, the driver and CUDA; a program that is broken tells nothing."""
    monkeypatch.setattr(environment, "_DEVICE_SECONDS", 0.5)
    program(tmp_path / "nvidia-smi", text)
    values = describe(None, variables(PATH=f"{tmp_path}:/bin", VIRTUAL_ENV="")).values
    assert _devices(values) == expected


def _devices(values: Mapping[str, str | int]) -> dict[str, str | int]:
    return {name: value for name, value in values.items() if name.startswith("gpu") or name == "cuda"}


def test_the_python_that_a_command_starts_is_known(virtual, tmp_path):
    """By its name, by the first line of a script, or not at all."""
    python = virtual / "bin/python"
    here = variables(PATH=f"{python.parent}:{tmp_path}:/bin")
    program(tmp_path / "train.sh", "python train.py")
    for name, line in [
        ("torchrun", f"#!{python}"),
        ("train.py", "#!/usr/bin/env python"),
        ("s.py", "#!/usr/bin/env -S python -u"),
    ]:
        (tmp_path / name).write_text(f"{line}\n")
        (tmp_path / name).chmod(0o755)
    assert interpreter_of("python", here) == python
    assert interpreter_of("python3", here) == virtual / "bin/python3"
    assert interpreter_of("bin/python", {}, cwd=virtual) == python
    assert (
        interpreter_of("torchrun", here) == interpreter_of("train.py", here) == interpreter_of("s.py", here) == python
    )
    assert interpreter_of("./train.py", here, cwd=tmp_path) == python
    for word in ("train.sh", "sh", "nosuch", "", "./nosuch", "/"):
        assert interpreter_of(word, here) is None


def test_lock_files_are_those_at_the_root(tmp_path):
    """By name, and only files."""
    names = {"uv.lock", "poetry.lock", "pylock.toml", "pylock.dev.toml", "requirements.txt", "requirements-dev.txt"}
    others = {
        "pyproject.toml",
        "Cargo.lock",
        "my-requirements.txt",
        "requirements.in",
        "pylock.a.b.toml",
        "environment.yml.j2",
    }
    for name in names | others | {"environment.yml", "package-lock.json", "conda-lock.yml"}:
        (tmp_path / name).touch()
    (tmp_path / "pdm.lock").mkdir()
    (tmp_path / "pixi.lock").symlink_to("uv.lock")
    (tmp_path / "below").mkdir()
    (tmp_path / "below/Pipfile.lock").touch()
    assert lock_files(tmp_path) == sorted(names | {"environment.yml", "package-lock.json", "conda-lock.yml"})
