"""The bytes: they stay, they are found, damage is found, and nothing of the user's is written over (S1, T2, T3)."""

from __future__ import annotations

import os
import random
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from worlds import World, contents, sha256

import modelver
from modelver.errors import Damaged

# ---- what stays ----------------------------------------------------------------------------------------------


def _clean(world: World) -> World:
    world.git("clean", "-q", "-ffdx")
    return world


def _stash(world: World) -> World:
    world.write("untracked.txt", "untracked")
    world.git("stash", "-q", "-a")
    return world


def _sparse(world: World) -> World:
    world.git("sparse-checkout", "set", "src")
    (world / "model.bin").unlink()
    return world


def _former_commit(world: World) -> World:
    world.git("checkout", "-q", "main~4")
    assert not (world / ".modelver/config.yaml").exists()
    world.git("clean", "-q", "-ffdx")
    world.git("checkout", "-q", "main")
    return world


def _move(world: World) -> World:
    (world / "model.bin").unlink()
    return World(world.top.rename(world.top.with_name("elsewhere")))


def _copy(world: World) -> World:
    (world / "model.bin").unlink()
    subprocess.run(["cp", "-a", world.top, world.top.with_name("copy")], check=True)
    shutil.rmtree(world.top)
    return World(world.top.with_name("copy"))


@pytest.mark.parametrize("happens", [_clean, _stash, _sparse, _former_commit, _move, _copy])
def test_objects_stay_and_are_found(fraud: World, happens: Callable[[World], World]) -> None:
    """S1: whatever Git or a person does to the work tree, all bytes are there, and `checkout` brings them back."""
    world = happens(fraud)
    assert not (world / "model.bin").exists()
    assert world.json("verify", "--objects")["checked"]["objects"] == 3
    world.cli("checkout", "fraud~1")
    assert (world / "model.bin").read_text() == "fraud 2"
    assert world.registry.status().artifacts[0].state == "unchanged"
    assert not world.git("status", "--porcelain").strip()


def test_objects_of_a_removed_work_tree_stay(fraud: World, tmp_path: Path) -> None:
    """S1: what was added in a linked work tree is there after the work tree and its branch have gone."""
    fraud.git("worktree", "add", "-q", "-b", "side", tmp_path / "linked")
    linked = World(tmp_path / "linked")
    linked.write("side.bin", "from the side")
    version = linked.json("add", "side.bin", "-n", "side")["version"]
    fraud.git("worktree", "remove", "--force", linked.top)
    fraud.git("branch", "-q", "-D", "side")
    assert fraud.cli("cat", version).out == "from the side"
    assert fraud.registry.status().only_here == 3


def test_a_commit_from_before_init_still_finds_an_exact_id(fraud: World) -> None:
    """S1, L1: there is no registry at such a commit, but an exact id works through its tag, and says so otherwise."""
    version = fraud.json("show", "fraud")["version"]
    fraud.git("checkout", "-q", "main~4")
    assert fraud.cli("cat", version).out == "fraud 3"
    assert "no registry" in fraud.cli("show", "fraud", code=3).err
    assert "no registry" in fraud.cli("list", code=3).err


def test_the_model_is_the_object(fraud: World) -> None:
    """I1: `sha256sum` of the model equals the object's name, its mode is 0444, and `path` names that very file."""
    digits = subprocess.run(["sha256sum", "model.bin"], cwd=fraud.top, capture_output=True, text=True, check=True)
    path = Path(fraud.cli("path", "fraud").out.rstrip("\n"))
    assert digits.stdout.split()[0] == path.parent.name + path.name == fraud.json("show", "fraud")["hash"]
    assert path.is_absolute()
    assert path == fraud.object(path.parent.name + path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert (fraud / ".modelver/objects" / path.parent.name / path.name).samefile(path)


# ---- the link for people -------------------------------------------------------------------------------------


@pytest.fixture(params=["missing", "elsewhere", "absolute"])
def link(request: pytest.FixtureRequest, fraud: World) -> Path:
    """The link `.modelver/objects`, which is missing or leads elsewhere."""
    place = fraud / ".modelver/objects"
    place.unlink()
    if request.param == "elsewhere":
        place.symlink_to("../somewhere")
    if request.param == "absolute":
        place.symlink_to(fraud.top / ".git/modelver/objects")
    return place


@pytest.mark.parametrize(
    "words",
    [("init",), ("add", "model.bin"), ("checkout", "fraud"), ("verify", "--repair")],
    ids=lambda words: words[0],
)
def test_commands_that_write_make_the_link_again(fraud: World, link: Path, words: tuple[str, ...]) -> None:
    """S1: init, add, checkout and verify --repair make it again where it is missing or leads elsewhere."""
    ran = fraud.cli(*words)
    assert os.readlink(link) == "../.git/modelver/objects"
    assert "objects" not in ran.err


@pytest.mark.parametrize("words", [("init",), ("add", "model.bin"), ("checkout", "fraud"), ("verify", "--repair")])
@pytest.mark.parametrize("kind", ["directory", "tracked"])
def test_what_is_in_the_links_place_is_left_and_told(fraud: World, words: tuple[str, ...], kind: str) -> None:
    """S1: a directory in its place, or a link that Git tracks, is left as it is, and the command says so."""
    place = fraud / ".modelver/objects"
    place.unlink()
    if kind == "directory":
        fraud.write(".modelver/objects/mine.txt", "mine")
    else:
        place.symlink_to("../somewhere")
        fraud.git("add", "-f", ".modelver/objects")
        fraud.git("commit", "-q", "-m", "the link")
    before = contents(fraud / ".modelver", but=["models"])
    ran = fraud.cli(*words)
    assert contents(fraud / ".modelver", but=["models"]) == before
    assert ".modelver/objects" in ran.err


def test_no_link_where_modelvers_folder_is_not_in_the_work_tree(fraud: World) -> None:
    """S1: outside of a sparse checkout's cone the folder is not made for the link's sake."""
    fraud.git("sparse-checkout", "set", "src")
    shutil.rmtree(fraud / ".modelver", ignore_errors=True)
    fraud.cli("checkout", "fraud")
    assert not (fraud / ".modelver").exists()


def test_a_link_that_cannot_be_made_is_no_error(fraud: World) -> None:
    """S1: nothing goes through the link, so a command that finds a file in its place works all the same."""
    place = fraud / ".modelver/objects"
    place.unlink()
    place.write_text("a file")
    (fraud / "model.bin").unlink()
    fraud.cli("checkout", "fraud")
    assert (fraud / "model.bin").read_text() == "fraud 3"
    assert place.read_text() == "a file"


# ---- damage --------------------------------------------------------------------------------------------------


@pytest.fixture
def stocked(world: World) -> World:
    """Objects of several sizes, among them a directory's: two files of it, and its manifest."""
    chance = random.Random(7)
    for size in (1, 4095, 4096, 70_001):
        world.add(chance.randbytes(size), "file", "file.bin")
    for name, size in (("a.bin", 10), ("deep/b.bin", 5000)):
        world.write(f"folder/{name}", chance.randbytes(size))
    world.add(model="folder", path="folder")
    return world


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file round, with its times and mode as before."""
    data, status = bytearray(path.read_bytes()), path.stat()
    data[bit // 8] ^= 1 << bit % 8
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(stat.S_IMODE(status.st_mode))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def objects_of(registry: modelver.Registry) -> Iterator[tuple[str, str]]:
    """Each digest with the version that it belongs to."""
    for model in ("file", "folder"):
        for line in registry.versions(model).versions:
            digest = f"sha256:{line.hash}"
            yield digest, line.version
            if model == "folder":
                for inner in registry.objects.manifest(digest).digests:
                    yield inner, line.version


def test_200_flipped_bits_are_all_found(stocked: World, tmp_path: Path) -> None:
    """I1: one bit of one object turned round: `verify` is 5, `checkout` refuses and leaves no file, or the old one."""
    chance = random.Random(200)
    target = tmp_path / "out"
    with stocked.registry as registry:
        known = list(objects_of(registry))
        assert len(known) == 7
        for number in range(200):
            digest, version = chance.choice(known)
            path = stocked.object(digest)
            bit = chance.randrange(path.stat().st_size * 8)
            flip(path, bit)
            found = registry.verify([version])
            assert found.code == 5, (digest, bit)
            assert [(problem.kind, problem.version) for problem in found.problems] == [("object", version)]
            assert digest in found.problems[0].detail
            if number % 2:
                target.write_text("former")
            with pytest.raises(Damaged):
                registry.checkout(version, target, force=True)
            assert list(tmp_path.glob("*out*")) == ([target] if number % 2 else [])
            assert not target.exists() or target.read_text() == "former"
            target.unlink(missing_ok=True)
            flip(path, bit)
        assert registry.verify().code == 0
    assert not list(stocked.home.glob("tmp/*"))


@pytest.mark.parametrize("words", [("checkout", "file", "-o", "out"), ("cat", "file"), ("path", "file"), ("verify",)])
def test_damaged_bytes_are_exit_5(stocked: World, words: tuple[str, ...]) -> None:
    """I1: every command that would hand them out refuses: exit 5, the object named, not a byte of it given."""
    digest = stocked.registry.show("file").record.artifact.digest
    flip(stocked.object(digest), 12_345)
    ran = stocked.cli(*words, code=5)
    assert digest in ran.err + ran.out
    assert not (stocked / "out").exists()
    assert words[0] == "verify" or ran.bytes == b""


def test_a_cut_a_grown_and_a_writable_object(stocked: World) -> None:
    """S1: an object that is too short, too long, writable, or a link is damaged too."""
    path = stocked.object(stocked.registry.show("file").record.artifact.digest)
    data = path.read_bytes()
    for change in (data[:-1], data + b"\0", b""):
        path.chmod(0o644)
        path.write_bytes(change)
        path.chmod(0o444)
        assert stocked.registry.verify().code == 5
    path.chmod(0o644)
    path.write_bytes(data)
    assert stocked.registry.verify().code == 5
    path.unlink()
    path.symlink_to(stocked.write("same.bin", data))
    assert stocked.registry.verify().code == 5


def test_verify_reads_objects_that_no_version_names(stocked: World) -> None:
    """Every object that is here is read, also one that no record here knows."""
    with stocked.registry as registry:
        digest = registry.objects.put_bytes(b"of a branch that is gone")
        assert registry.verify().checked["objects"] == 8
    flip(stocked.object(digest), 3)
    problem = stocked.json("verify", code=5)["problems"][0]
    assert (problem["kind"], problem["version"]) == ("object", None)
    assert digest in problem["detail"]


def test_an_absent_object_is_a_problem_only_on_request(stocked: World) -> None:
    """Absent bytes are counted, exit 0; with `--objects` each version that lacks some is a problem, exit 1."""
    with stocked.registry as registry:
        inner = sorted(registry.objects.manifest(registry.show("folder").record.artifact.digest).digests)[0]
        stocked.object(inner).unlink()
        stocked.object(registry.show("file~1").record.artifact.digest).unlink()
    verified = stocked.json("verify")
    assert (verified["absent"], verified["problems"]) == (2, [])
    problems = stocked.json("verify", "--objects", code=1)["problems"]
    assert [(problem["kind"], problem["path"]) for problem in problems] == [
        ("absent", "file.bin"),
        ("absent", "folder"),
    ]
    assert inner in problems[1]["detail"]
    assert "not here" in stocked.cli("cat", "file~1", code=3).err
    assert not stocked.registry.show("file~1").present
    assert stocked.registry.status().only_here == 4


@pytest.mark.parametrize("harm", ["absent", "damaged"])
def test_repair_takes_bytes_anew_from_the_work_tree(stocked: World, harm: str) -> None:
    """`verify --repair` mends objects, of a directory too, whose right bytes lie in the work tree, and says so."""
    with stocked.registry as registry:
        folder, file = (registry.show(model).record for model in ("folder", "file"))
        inner = sorted(registry.objects.manifest(folder.artifact.digest).digests)[1]
    for digest in (inner, file.artifact.digest):
        if harm == "absent":
            stocked.object(digest).unlink()
        else:
            flip(stocked.object(digest), 3)
    ran = stocked.cli("verify", "--repair", "--objects")
    assert file.version in ran.err
    assert folder.version in ran.err
    assert stocked.json("verify", "--objects")["problems"] == []


def test_repair_takes_no_wrong_bytes(stocked: World) -> None:
    """What lies in the work tree does not count when its bytes are others: the damage stays, exit 5."""
    digest = stocked.registry.show("file").record.artifact.digest
    flip(stocked.object(digest), 3)
    flip(stocked / "file.bin", 4)
    assert stocked.cli("verify", "--repair", code=5).out.startswith("object: ")


# ---- directories ---------------------------------------------------------------------------------------------


@pytest.fixture
def folder(world: World) -> World:
    """A directory artifact with everything that is kept: nested, empty, executable, links; registered as `nlp/net`."""
    world.write("net/config.json", '{"layers": 2}')
    world.write("net/weights/part 1.bin", b"\0\xff" * 700)
    world.write("net/weights/part 2.bin", "")
    world.write("net/run.sh", "#!/bin/sh\n", mode=0o755)
    (world / "net/latest").symlink_to("weights/part 1.bin")
    (world / "net/weights/up").symlink_to("../config.json")
    world.cli("add", "net", "-n", "nlp/net")
    return world


def test_a_directory_comes_back_as_it_was(folder: World, tmp_path: Path) -> None:
    """T2, I1: files, the executable bit and links that stay inside come back, to the old place and to another."""
    before = contents(folder / "net")
    folder.cli("checkout", "nlp/net", "-o", tmp_path / "out")
    assert contents(tmp_path / "out") == before
    shutil.rmtree(folder / "net")
    folder.cli("checkout", "nlp/net")
    assert contents(folder / "net") == before
    shown = folder.json("show", "nlp/net")
    assert (shown["artifact"]["kind"], shown["artifact"]["files"], shown["size"]) == ("directory", 4, 1423)
    assert folder.json("status")["artifacts"][0]["state"] == "unchanged"


def test_a_part_of_a_directory(folder: World, tmp_path: Path) -> None:
    """REF:PATH is one file or one directory of it, for checkout, cat and path; what is no part of it is exit 3."""
    assert folder.cli("cat", "nlp/net:config.json").out == '{"layers": 2}'
    path = Path(folder.cli("path", "nlp/net:weights/part 1.bin").out.rstrip("\n"))
    assert path.read_bytes() == b"\0\xff" * 700
    folder.cli("checkout", "nlp/net:weights", "-o", tmp_path / "weights", code=2)  # a link in it leads out of that part
    (folder / "net/weights/up").unlink()
    folder.cli("add", "net")
    with folder.registry as registry:
        registry.checkout("nlp/net:weights", tmp_path / "weights")
        assert sorted(contents(tmp_path / "weights")) == ["part 1.bin", "part 2.bin"]
        registry.checkout("nlp/net:run.sh", tmp_path)
        assert os.access(tmp_path / "run.sh", os.X_OK)
    (folder / "net/config.json").unlink()
    folder.cli("checkout", "nlp/net:config.json")
    assert (folder / "net/config.json").read_text() == '{"layers": 2}'
    assert "nothing" in folder.cli("cat", "nlp/net:nothing", code=3).err
    assert "one file of it" in folder.cli("cat", "nlp/net", code=2).err
    assert "one file of it" in folder.cli("path", "nlp/net:weights", code=2).err
    assert "a link" in folder.cli("cat", "nlp/net:latest", code=2).err


def test_a_change_within_a_directory_is_seen(folder: World) -> None:
    """A changed byte, a new file, a file that is gone, an executable bit: each makes the directory `modified`."""
    before = contents(folder / "net")
    state = lambda: folder.registry.status().artifacts[0].state  # noqa: E731
    (folder / "net/config.json").write_text('{"layers": 3}')
    assert state() == "modified"
    (folder / "net/config.json").write_text('{"layers": 2}')
    assert state() == "unchanged"
    folder.write("net/more.txt")
    assert state() == "modified"
    (folder / "net/more.txt").unlink()
    (folder / "net/run.sh").chmod(0o644)
    assert state() == "modified"
    (folder / "net/run.sh").chmod(0o755)
    assert (state(), contents(folder / "net")) == ("unchanged", before)
    shutil.rmtree(folder / "net")
    assert state() == "missing"


@pytest.mark.parametrize("harm", ["link out", "absolute link", "pipe"])
def test_what_cannot_be_kept_is_refused(folder: World, harm: str) -> None:
    """T2: a link that leads out of the directory and other kinds of file are exit 2, and nothing is registered."""
    place = folder / "net/odd"
    if harm == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("../README.md" if harm == "link out" else "/etc/hostname")
    before = folder.git("rev-parse", "HEAD")
    assert "odd" in folder.cli("add", "net", code=2).err
    assert folder.git("rev-parse", "HEAD") == before


def test_links_are_followed_on_request(folder: World, tmp_path: Path) -> None:
    """T2: with `--follow-symlinks` what a link that leads out leads to is stored under its name; others stay links."""
    (folder / "net/odd").symlink_to("../README.md")
    folder.cli("add", "net", "--follow-symlinks")
    folder.cli("checkout", "nlp/net", "-o", tmp_path / "out")
    assert (tmp_path / "out/odd").read_text() == "a repository\n"
    assert os.readlink(tmp_path / "out/latest") == "weights/part 1.bin"
    (folder / "alias.bin").symlink_to("net/run.sh")
    assert "symbolic link" in folder.cli("add", "alias.bin", code=2).err
    folder.cli("add", "alias.bin", "--follow-symlinks")
    assert folder.cli("cat", "alias").out == "#!/bin/sh\n"


def test_a_repository_within_is_left_out_and_told(folder: World) -> None:
    """I1: a `.git` inside of a directory artifact is not stored, and `add` says so; so are names that fold into one."""
    folder.git("init", "-q", "net/.git", "--bare")
    folder.write("net/README", "1")
    folder.write("net/readme", "2")
    ran = folder.cli("add", "net")
    assert ".git" in ran.err
    assert "readme" in ran.err
    entries = folder.registry.objects.manifest(folder.registry.show("nlp/net").record.artifact.digest).entries
    assert not [entry.path for entry in entries if ".git" in entry.path]


# ---- never over the user's bytes -----------------------------------------------------------------------------


def test_checkout_never_overwrites_bytes_that_are_registered_nowhere(fraud: World) -> None:
    """T3: an edited artifact stays, exit 4; bytes of another version may go; `--force` says that all may."""
    fraud.write("model.bin", "trained just now")
    ran = fraud.cli("checkout", "fraud~2", code=4)
    assert "hint: or --force" in ran.err
    assert (fraud / "model.bin").read_text() == "trained just now"
    fraud.cli("checkout", "fraud~2", "--force")
    assert (fraud / "model.bin").read_text() == "fraud 1"
    assert fraud.json("checkout", "fraud")["changed"] is True
    assert (fraud / "model.bin").read_text() == "fraud 3"
    assert fraud.json("checkout", "fraud")["changed"] is False


@pytest.mark.parametrize("kind", ["directory", "link", "broken link", "empty", "pipe"])
def test_whatever_else_lies_there_stays(fraud: World, kind: str) -> None:
    """T3: a directory, a link or an empty file in the artifact's place is left alone, exit 4."""
    place = fraud / "model.bin"
    place.unlink()
    match kind:
        case "directory":
            fraud.write("model.bin/mine.txt", "mine")
        case "link":
            place.symlink_to(fraud.write("mine.txt", "mine"))
        case "broken link":
            place.symlink_to("nothing")
        case "empty":
            place.touch()
        case "pipe":
            os.mkfifo(place)
    before = contents(fraud.top, but=[".git"])
    fraud.cli("checkout", "fraud", code=4)
    assert contents(fraud.top, but=[".git"]) == before


def test_checkout_elsewhere(fraud: World, tmp_path: Path) -> None:
    """`-o` takes a new path, a directory to put the file into, and a path outside of the repository; T3 holds there."""
    fraud.cli("checkout", "fraud", "-o", "new/place/m.bin")
    assert (fraud / "new/place/m.bin").read_text() == "fraud 3"
    fraud.cli("checkout", "fraud~1", "-o", "src")
    assert (fraud / "src/model.bin").read_text() == "fraud 2"
    mine = tmp_path / "mine.bin"
    mine.write_text("mine")
    fraud.cli("checkout", "fraud", "-o", mine, code=4)
    assert mine.read_text() == "mine"
    fraud.cli("checkout", "fraud", "-o", mine, "--force")
    assert mine.read_text() == "fraud 3"
    assert stat.S_IMODE(mine.stat().st_mode) & 0o222


@pytest.mark.parametrize("place", [".git/hooks/post-checkout", ".modelver/config.yaml", "src/GIT~1/x", "link/x"])
def test_a_typed_place_that_nothing_may_be_written_to(fraud: World, place: str) -> None:
    """C5: `-o` into `.git`, `.modelver` or through a symbolic link is exit 2, even with `--force`."""
    (fraud / "link").symlink_to(".git/hooks")
    before = contents(fraud / ".git/hooks"), contents(fraud / ".modelver")
    fraud.cli("checkout", "fraud", "-o", place, "--force", code=2)
    assert (contents(fraud / ".git/hooks"), contents(fraud / ".modelver")) == before


def test_a_typed_place_that_git_tracks(fraud: World) -> None:
    """C5: `-o` onto a tracked file is exit 2 unless `--force`."""
    fraud.cli("checkout", "fraud", "-o", "README.md", code=2)
    assert (fraud / "README.md").read_text() == "a repository\n"
    fraud.cli("checkout", "fraud", "-o", "README.md", "--force")
    assert (fraud / "README.md").read_text() == "fraud 3"


def test_a_checkout_hides_what_it_brings(fraud: World, tmp_path: Path) -> None:
    """T1: in a clone `checkout` hides the artifact from Git, as `add` did where it was registered."""
    fraud.git("clone", "-q", ".", tmp_path / "clone")
    shutil.copytree(fraud.home / "objects", tmp_path / "clone/.git/modelver/objects")
    other = World(tmp_path / "clone")
    other.cli("checkout", "fraud")
    assert (other / "model.bin").read_text() == "fraud 3"
    assert other.git("status", "--porcelain") == ""
    assert (other / ".modelver/objects").exists()


def test_hard_links_only_when_configured(fraud: World) -> None:
    """T2: with `modelver.objects.link hardlink` the work file is the object and read-only; else it never is."""
    digest = fraud.registry.show("fraud").record.artifact.digest
    assert not (fraud / "model.bin").samefile(fraud.object(digest))
    fraud.git("config", "modelver.objects.link", "hardlink")
    fraud.write("model.bin", "linked")
    fraud.cli("add", "model.bin")
    assert (fraud / "model.bin").samefile(fraud.object(sha256("linked")))
    assert stat.S_IMODE((fraud / "model.bin").stat().st_mode) == 0o444
    fraud.cli("checkout", "fraud~1")
    assert (fraud / "model.bin").samefile(fraud.object(digest))
    assert fraud.registry.verify().code == 0
