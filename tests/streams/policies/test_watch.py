"""A changed file is noticed, whatever way it changes, and a broken one says where it hurts."""

import os
from pathlib import Path

import pytest

from streams.policies import PolicyFile

TEXT = "version: 1\npolicies: [{name: all, targets: {first_response: {within: %s}}}]\n"
WITH_FEED = """
version: 1
calendars: {office: {hours: {mon-fri: ["09:00-17:00"]}, feeds: plant.ics}}
policies: [{name: all, targets: {first_response: {within: 8h, calendar: office}}}]
"""
FEED = (
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:%s\nSUMMARY:Inventory\n"
    "END:VEVENT\nEND:VCALENDAR\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A policy file in order."""
    file = tmp_path / "policy.yaml"
    file.write_text(TEXT % "1h")
    return file


def digest(file: PolicyFile) -> str:
    """The version in the file."""
    seen = file.read()
    assert seen.policy is not None, seen.error
    return seen.policy.digest


def test_a_change_is_noticed_once(path: Path) -> None:
    """Read once, it is at rest until it changes again."""
    file = PolicyFile(path)
    assert file.changed()
    first = digest(file)
    assert not file.changed()
    path.write_text(TEXT % "2h")
    assert file.changed()
    assert digest(file) != first
    assert not file.changed()


def test_a_file_that_is_exchanged_below_its_name_is_noticed(path: Path, tmp_path: Path) -> None:
    """As Kubernetes does with a ConfigMap: a link to another directory, same name, size, time."""
    for name, limit in (("one", "1h"), ("two", "2h")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(TEXT % limit)
        os.utime(tmp_path / name / "policy.yaml", ns=(1, 1))
    data = tmp_path / "data"
    data.symlink_to("one")
    file = PolicyFile(data / "policy.yaml")
    first = digest(file)
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(data)
    assert file.changed()
    assert digest(file) != first


def test_a_feed_is_watched_with_the_file_that_names_it(path: Path) -> None:
    """A plant closes another day: the promise is another one, although its file did not change."""
    feed = path.parent / "plant.ics"
    feed.write_text(FEED % "20260811")
    path.write_text(WITH_FEED)
    file = PolicyFile(path)
    first = digest(file)
    assert not file.changed()
    feed.write_text(FEED % "20260812")
    assert file.changed()
    assert digest(file) != first


def test_a_broken_file_tells_where_and_is_read_again_when_mended(path: Path) -> None:
    """The first problems, each with its line; and no word twice while nothing changes."""
    file = PolicyFile(path)
    first = digest(file)
    path.write_text((TEXT % "1h").replace("within", "wihtin"))
    assert file.changed()
    seen = file.read()
    assert seen.policy is None
    assert f"{path}:2:" in seen.error
    assert "did you mean 'within'?" in seen.error
    assert not file.changed()
    path.write_text(TEXT % "1h")
    assert file.changed()
    assert digest(file) == first


def test_a_broken_feed_is_watched_until_it_is_mended(path: Path) -> None:
    """The fault is in the feed, so mending the feed is enough."""
    feed = path.parent / "plant.ics"
    path.write_text(WITH_FEED)
    file = PolicyFile(path)
    assert file.read().policy is None
    assert not file.changed()
    feed.write_text(FEED % "20260811")
    assert file.changed()
    assert file.read().policy is not None


def test_a_file_that_is_gone_is_an_error_and_not_the_built_in_promise(path: Path) -> None:
    """Nobody's promises change because a disk was unmounted."""
    file = PolicyFile(path)
    digest(file)
    path.unlink()
    assert file.changed()
    assert "No such file" in file.read().error
    assert not file.changed()
