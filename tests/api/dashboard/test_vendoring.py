"""The third-party files are those that the manifest records."""

import json
import shutil
from pathlib import Path

import pytest

from api.dashboard import vendoring


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(vendoring.VENDOR, tmp_path / "vendor"))
    monkeypatch.setattr(vendoring, "VENDOR", folder)
    monkeypatch.setattr(vendoring, "MANIFEST", folder / "manifest.json")
    return folder


def test_the_vendored_files_are_those_recorded() -> None:
    assert vendoring.check() == []


def test_a_changed_a_missing_and_a_foreign_file_are_each_named(copy: Path) -> None:
    (copy / "htm" / "htm.js").write_text("changed")
    (copy / "preact" / "hooks.js").unlink()
    (copy / "stranger.js").write_text("hello")
    assert vendoring.check() == [
        "preact/hooks.js is recorded but missing",
        "stranger.js is not recorded",
        "htm/htm.js was changed",
    ]


def test_checking_from_the_command_line_answers_by_its_exit_status(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vendoring.main(["--check"]) == 0
    (copy / "htm" / "htm.js").write_text("changed")
    assert vendoring.main(["--check"]) == 1
    assert capsys.readouterr().out == "htm/htm.js was changed\n"


def test_the_manifest_says_version_licence_and_integrity_of_every_package() -> None:
    entries = json.loads(vendoring.MANIFEST.read_text())["packages"]
    recorded = [(entry["name"], entry["version"], entry["licence"], entry["integrity"]) for entry in entries]
    pinned = [(package.name, package.version, package.licence, package.integrity) for package in vendoring.PACKAGES]
    assert recorded == pinned
    assert all(any("LICENSE" in path for path in entry["files"]) for entry in entries)


def test_an_edited_script_imports_relatively_and_names_no_source_map() -> None:
    script = b'import{h as a}from"preact";export{a};\n//# sourceMappingURL=hooks.mjs.map'
    assert vendoring.edited(script) == b'import{h as a}from"./preact.js";export{a};\n'


def test_an_archive_that_is_not_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\necho tampered > package.tgz\necho \'[{"filename": "package.tgz"}]\'\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ValueError, match="integrity is sha512-"):
        vendoring.fetch(vendoring.PACKAGES[0], tmp_path)
