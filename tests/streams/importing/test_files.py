"""Files are found and unpacked wherever they lie: plain, gzipped, in archives, in folders."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from streams.errors import UserError
from streams.importing.files import open_files, total_bytes


def contents(*paths: Path) -> dict[str, bytes]:
    """Read everything below the paths."""
    return {file.name: file.stream.read() for file in open_files([str(path) for path in paths])}


def tar_of(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    """Write an archive."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    """A gzipped file is unpacked whatever it is called, and its name loses the ending."""
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"x,y\n"))
    (tmp_path / "b.csv").write_bytes(gzip.compress(b"z"))
    found = contents(tmp_path / "a.csv.gz", tmp_path / "b.csv")
    assert found == {str(tmp_path / "a.csv"): b"x,y\n", str(tmp_path / "b.csv"): b"z"}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_archives_give_their_members(tmp_path: Path, mode: str) -> None:
    """Each member is a file of its own, a gzipped one is unpacked too; folders are passed over."""
    path = tar_of(
        tmp_path / "all.tar.gz", {"d/a": b"1" * 100_000, "d/b.gz": gzip.compress(b"2")}, mode
    )
    shown = str(path) if mode == "w" else str(path).removesuffix(".gz")
    assert contents(path) == {f"{shown}:d/a": b"1" * 100_000, f"{shown}:d/b": b"2"}


def test_folders_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    """Files of a folder come sorted, hidden ones are left out, and none counts as named."""
    for name in ("b.eml", "a/c.eml", ".hidden", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert list(contents(tmp_path).values()) == [b"a/c.eml", b"b.eml"]
    assert [file.is_named for file in open_files([str(tmp_path)])] == [False, False]
    assert [file.is_named for file in open_files([str(tmp_path / "b.eml")])] == [True]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """A path that does not exist is the user's to mend."""
    with pytest.raises(UserError, match="no such file"):
        list(open_files([str(tmp_path / "nothing.csv")]))


def test_progress_counts_bytes_on_disk(tmp_path: Path) -> None:
    """The progress bar fills as the packed file is read, since its unpacked size is not known."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"x" * 1_000_000))
    counted: list[int] = []
    for file in open_files([str(path)], counted.append):
        file.stream.read()
    assert sum(counted) == total_bytes([str(path)]) == path.stat().st_size
    assert total_bytes(["-", str(path)]) is None
