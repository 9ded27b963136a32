"""Brings the dashboard's third-party files into `assets/vendor/` and writes down where each came from.

    python -m api.dashboard.vendoring           fetch everything again (needs npm and the network)
    python -m api.dashboard.vendoring --check   compare the files with `manifest.json` (needs neither)

A package is fetched with `npm pack`, checked against the pinned integrity, and only the files named in `PACKAGES`
are kept. Two edits are made, because there is no build step and the content security policy forbids an inline import
map: a bare `"preact"` import becomes a relative one, and the pointer to a source map that is not shipped is cut off.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

VENDOR: Final = Path(__file__).parent / "assets" / "vendor"
MANIFEST: Final = VENDOR / "manifest.json"


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package at one version; `files` maps a path inside it to a path under `vendor/`."""

    name: str
    version: str
    licence: str
    integrity: str
    files: Mapping[str, str]


PACKAGES: Final = (
    Package(
        name="preact",
        version="11.2.0",
        licence="MIT",
        integrity="sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
        files={
            "dist/preact.mjs": "preact/preact.js",
            "hooks/dist/hooks.mjs": "preact/hooks.js",
            "LICENSE": "preact/LICENSE.txt",
        },
    ),
    Package(
        name="htm",
        version="3.1.1",
        licence="Apache-2.0",
        integrity="sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        files={"dist/htm.mjs": "htm/htm.js", "LICENSE": "htm/LICENSE.txt"},
    ),
    Package(
        name="uplot",
        version="1.6.32",
        licence="MIT",
        integrity="sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
        files={
            "dist/uPlot.esm.js": "uplot/uplot.js",
            "dist/uPlot.min.css": "uplot/uplot.css",
            "LICENSE": "uplot/LICENSE.txt",
        },
    ),
    Package(
        name="@fontsource-variable/ibm-plex-sans",
        version="5.3.0",
        licence="OFL-1.1",
        integrity="sha512-agG8tXFEo0hD9+J7npa4vbbWult52eMLVaQ6WQRlhs/iCAojrMAoejru85W9HTVXHfyUj96KM7gp/KGAS87XaQ==",
        files={
            "files/ibm-plex-sans-latin-wght-normal.woff2": "plex/sans.woff2",
            "LICENSE": "plex/LICENSE-sans.txt",
        },
    ),
    Package(
        name="@fontsource/ibm-plex-mono",
        version="5.3.0",
        licence="OFL-1.1",
        integrity="sha512-eTgnZjZEGk1QtD3ZstF+Vclo2HLAni8YMy34/DxllwZvyz1lR/1RF/xTiAquOBO7MvqBx8D2Ig2WCPMVfdZu7Q==",
        files={
            "files/ibm-plex-mono-latin-400-normal.woff2": "plex/mono.woff2",
            "LICENSE": "plex/LICENSE-mono.txt",
        },
    ),
)


def fetch(package: Package, folder: Path) -> Path:
    """The archive of `package`, packed into `folder`; raises ValueError when its integrity is not the pinned one."""
    command = ["npm", "pack", "--json", "--silent", f"{package.name}@{package.version}"]
    answer = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    archive = folder / str(json.loads(answer.stdout)[0]["filename"])
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != package.integrity:
        raise ValueError(f"{package.name}@{package.version}: integrity is {found}, pinned is {package.integrity}")
    return archive


def edited(content: bytes) -> bytes:
    """A script that runs without an import map: relative imports, no pointer to a missing source map."""
    text = content.decode()
    text = re.sub(r'(\bfrom\s*)"preact"', r'\1"./preact.js"', text)
    return (re.sub(r"\n?//# sourceMappingURL=.*", "", text).rstrip() + "\n").encode()


def sha256(content: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(content).hexdigest()


def vendor(package: Package, archive: Path) -> dict[str, Any]:
    """Write the kept files of `package` under `vendor/` and return its manifest entry."""
    files = {}
    with tarfile.open(archive) as packed:
        for source, target in package.files.items():
            member = packed.extractfile(f"package/{source}")
            if member is None:
                raise ValueError(f"{package.name}@{package.version} holds no file {source}")
            original = member.read()
            content = edited(original) if target.endswith(".js") else original
            (VENDOR / target).parent.mkdir(parents=True, exist_ok=True)
            (VENDOR / target).write_bytes(content)
            files[target] = {"from": source, "upstream_sha256": sha256(original), "sha256": sha256(content)}
    return {
        "name": package.name,
        "version": package.version,
        "licence": package.licence,
        "integrity": package.integrity,
        "files": files,
    }


def check() -> list[str]:
    """What differs between the folder and its manifest, one sentence each; empty when all is as recorded."""
    recorded = {
        path: entry["sha256"]
        for package in json.loads(MANIFEST.read_text())["packages"]
        for path, entry in package["files"].items()
    }
    present = {
        file.relative_to(VENDOR).as_posix(): sha256(file.read_bytes())
        for file in VENDOR.rglob("*")
        if file.is_file() and file != MANIFEST
    }
    return [
        *(f"{path} is recorded but missing" for path in sorted(recorded.keys() - present.keys())),
        *(f"{path} is not recorded" for path in sorted(present.keys() - recorded.keys())),
        *(f"{path} was changed" for path in sorted(recorded) if present.get(path, recorded[path]) != recorded[path]),
    ]


def main(arguments: list[str]) -> int:
    """Fetch and record, or with `--check` only compare; 1 when something differs."""
    if "--check" not in arguments:
        with tempfile.TemporaryDirectory() as folder:
            entries = [vendor(package, fetch(package, Path(folder))) for package in PACKAGES]
        MANIFEST.write_text(json.dumps({"packages": entries}, indent=2) + "\n")
    differences = check()
    sys.stdout.writelines(f"{difference}\n" for difference in differences)
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
