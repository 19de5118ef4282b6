"""Files for their owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from identity import private_files
from identity.errors import KeystoreError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_and_a_replaced_one_are_for_their_owner_alone(tmp_path):
    path = tmp_path / "deep" / "file"
    before = os.umask(0)
    try:
        private_files.create(path, "one")
        assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("one", 0o600)
        private_files.replace(path, "two")
    finally:
        os.umask(before)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("two", 0o600)
    assert names(path.parent) == ["file"]


def test_a_folder_is_for_its_owner_alone(tmp_path):
    private_files.make_folder(tmp_path / "a" / "wallet")
    assert stat.S_IMODE((tmp_path / "a" / "wallet").stat().st_mode) == 0o700


def test_an_existing_file_is_not_created_again(tmp_path):
    private_files.create(tmp_path / "file", "one")
    with pytest.raises(KeystoreError, match="exists already"):
        private_files.create(tmp_path / "file", "two")
    assert (tmp_path / "file").read_text() == "one"
    assert names(tmp_path) == ["file"]


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("old")
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeystoreError, match="exists already"):
        private_files.create(tmp_path / "file", "new")
    private_files.replace(tmp_path / "file", "new")
    assert (tmp_path / "elsewhere").read_text() == "old"
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.parametrize("step", ["write", "rename"])
def test_a_write_that_fails_leaves_the_old_file_whole_and_nothing_beside(
    tmp_path, monkeypatch, step
):
    path = tmp_path / "file"
    private_files.create(path, "old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(KeystoreError, match="No space left"):
        private_files.replace(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_what_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeystoreError, match="cannot write"):
        private_files.create(tmp_path / "file" / "below", "x")
    with pytest.raises(KeystoreError, match="cannot write"):
        private_files.replace(tmp_path / "none" / "below", "x")
    with pytest.raises(KeystoreError, match="cannot make"):
        private_files.make_folder(tmp_path / "file")
