"""The data folder has one service at a time, whose note tells others where it is."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.errors import Occupied
from launcher.folder import DataFolder, Running
from launcher.service import ROOT
from tests.fixtures.waiting import wait_for

NOTE = Running(url="http://127.0.0.1:8000", pid=7, parts={"api": 8}, ready=True)

HOLDER = """
import sys, time
from pathlib import Path
from launcher.folder import DataFolder, Running
folder = DataFolder.at(Path(sys.argv[1]))
with folder.taken():
    folder.announce(Running("http://127.0.0.1:8000", 7, {}, True))
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder.at(tmp_path / "data")


def test_a_new_folder_is_closed_to_other_users(folder: DataFolder):
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_the_key_is_for_its_owner_alone_even_where_the_file_was_open_before(folder: DataFolder):
    folder.key_file.touch(mode=0o644)
    folder.write_key("ty_one_two")
    assert stat.S_IMODE(folder.key_file.stat().st_mode) == 0o600
    assert folder.key() == "ty_one_two"


def test_a_folder_without_a_key_says_so(folder: DataFolder):
    assert folder.key() is None


def test_a_log_that_has_grown_long_is_set_aside(folder: DataFolder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("launcher.folder.LONGEST_LOG_BYTES", 3)
    folder.log("api").write_text("long")
    folder.log("worker").write_text("abc")
    folder.roll_logs()
    assert sorted(path.name for path in (folder.path / "logs").iterdir()) == ["api.log.1", "worker.log"]


def test_a_second_service_on_the_same_folder_is_told_where_the_first_one_is(folder: DataFolder):
    with folder.taken():
        folder.announce(NOTE)
        with pytest.raises(Occupied, match=f"already running on {folder.path}: http://127.0.0.1:8000"), folder.taken():
            pytest.fail("the folder was taken twice")


def test_the_running_service_can_be_asked_for_and_is_gone_when_it_stops(folder: DataFolder):
    assert folder.running() is None
    with folder.taken():
        assert folder.running() is None
        folder.announce(NOTE)
        assert folder.running() == NOTE
    assert folder.running() is None


def test_the_note_of_a_service_that_was_killed_fools_nobody(folder: DataFolder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder.path)], env=environment)
    wait_for(folder.running, "the holder's note")
    holder.kill()
    holder.wait()
    assert (folder.path / "service.json").exists()
    with folder.taken():
        assert folder.running() is None
