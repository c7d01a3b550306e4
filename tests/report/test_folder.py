import os
import stat
from pathlib import Path

import pytest

from bayesmeta.errors import OutputError
from bayesmeta.report.folder import MARKER, whole_folder

OUT = Path("out")


def make(target: Path = OUT, name: str = "a.txt", *, overwrite: bool = True) -> None:
    with whole_folder(target, overwrite=overwrite) as draft:
        (draft / name).write_text("new")


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_folder_appears_when_all_is_written():
    with whole_folder(OUT, overwrite=True) as draft:
        (draft / "a.txt").write_text("new")
        assert not OUT.exists()
    assert names(OUT) == [MARKER, "a.txt"]
    assert names(Path()) == ["out"]


def test_nothing_appears_when_the_work_fails():
    def work():
        with whole_folder(OUT, overwrite=True) as draft:
            (draft / "a.txt").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert names(Path()) == []


def test_an_earlier_folder_stays_as_it_was_when_the_work_fails():
    make()

    def work():
        with whole_folder(OUT, overwrite=True) as draft:
            (draft / "b.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert (names(Path()), names(OUT)) == (["out"], [MARKER, "a.txt"])


def test_an_earlier_folder_is_replaced_whole():
    make(name="a.txt")
    make(name="b.txt")
    assert (names(Path()), names(OUT)) == (["out"], [MARKER, "b.txt"])


def test_an_earlier_folder_is_kept_unless_it_may_be_replaced():
    make(name="a.txt")

    def work():
        with whole_folder(OUT, overwrite=False):
            pytest.fail("the work began")

    with pytest.raises(OutputError, match=r"^out holds an earlier result, which is kept; .*--out.*--overwrite"):
        work()
    assert (names(Path()), names(OUT)) == (["out"], [MARKER, "a.txt"])


def test_a_folder_that_somebody_else_makes_meanwhile_is_kept():
    def work():
        with whole_folder(OUT, overwrite=False) as draft:
            (draft / "a.txt").write_text("new")
            make(name="b.txt")

    with pytest.raises(OutputError, match="earlier result"):
        work()
    assert (names(Path()), names(OUT)) == (["out"], [MARKER, "b.txt"])


def test_an_empty_folder_is_taken():
    OUT.mkdir()
    make()
    assert names(OUT) == [MARKER, "a.txt"]


@pytest.mark.parametrize("earlier", [True, False])
def test_a_folder_with_a_file_of_somebody_else_is_left_alone(earlier):
    if earlier:
        make()
    OUT.mkdir(exist_ok=True)
    (OUT / "mine.txt").write_text("mine")
    before = names(OUT)
    with pytest.raises(OutputError, match=r"holds 'mine.txt', .*--out"):
        make()
    assert (names(Path()), names(OUT)) == (["out"], before)


def test_what_somebody_adds_while_the_work_runs_is_left_alone():
    make()

    def work():
        with whole_folder(OUT, overwrite=True):
            (OUT / "mine.txt").write_text("mine")

    with pytest.raises(OutputError, match=r"mine.txt"):
        work()
    assert (OUT / "mine.txt").read_text() == "mine"
    assert names(Path()) == ["out"]


def test_a_file_in_a_subfolder_of_somebody_else_counts_too():
    make()
    (OUT / "notes").mkdir()
    (OUT / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes/mine.txt"):
        make()


@pytest.mark.parametrize("target", ["file", "file/out", "missing/out"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(target):
    Path("file").write_text("mine")

    def work():
        with whole_folder(Path(target), overwrite=True):
            pytest.fail("the work began")

    with pytest.raises(OutputError, match=rf"^{target} .*--out"):
        work()
    assert names(Path()) == ["file"]


def test_a_full_disk_leaves_nothing_and_is_said():
    def work():
        with whole_folder(OUT, overwrite=True):
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="out cannot be written: No space left on device"):
        work()
    assert names(Path()) == []


def test_an_earlier_folder_comes_back_if_the_new_one_cannot_take_its_place(monkeypatch):
    make()
    rename = Path.rename

    def refuse(self, target):
        if self.name.startswith(".out-") and Path(target).name == "out" and "old" not in self.name:
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        make(name="b.txt")
    assert (names(Path()), names(OUT)) == (["out"], [MARKER, "a.txt"])


def test_a_link_is_followed():
    real = Path("real")
    make(real)
    OUT.symlink_to(real, target_is_directory=True)
    make(OUT, name="b.txt")
    assert OUT.is_symlink()
    assert names(real) == [MARKER, "b.txt"]


def test_a_circle_of_links_is_refused():
    OUT.symlink_to("other")
    Path("other").symlink_to("out")
    with pytest.raises(OutputError, match=r"^out "):
        make()


def test_others_may_read_the_folder_as_they_may_any_other():
    make()
    Path("plain").mkdir()
    assert stat.S_IMODE(OUT.stat().st_mode) == stat.S_IMODE(Path("plain").stat().st_mode)
    assert os.access(OUT, os.R_OK)
