"""docs/extending.md, done as written: its three changes are applied to a copy of the repository and then used."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("api", "models", "worker")
CHANGES = re.findall(r"^```diff\n(.*?)^```", (ROOT / "docs/extending.md").read_text(), re.DOTALL | re.MULTILINE)

USES_THE_OPTIMIZER = """
from pathlib import Path
from models.formats import read
from models.samples import sample
from models.spec import catalogue, parse, resolve
from worker.training import train

iris = sample("iris")
spec = parse({"data": {"dataset": "iris"}, "optimizer": {"type": "adamax"}, "training": {"epochs": 30}})
source = read(iris.path, format=iris.format, options=iris.options)
result = train(resolve(spec, iris.profile), source, directory=Path("run"), num_threads=1)
assert result.result["test"]["accuracy"] > 0.7, result.result["test"]
assert "adamax" in [entry.type for entry in catalogue()["optimizers"]]
"""

USES_THE_ENDPOINT = """
from pathlib import Path
from fastapi.testclient import TestClient
from api.main import create_app
from models.database import Database
from models.keys import ensure_admin
from models.migrations import migrate
from models.settings import Settings

settings = Settings(data_dir=Path("data").resolve())
database = Database(settings.database)
migrate(database)
with database.unit_of_work() as connection:
    key = ensure_admin(connection)
database.close()
with TestClient(create_app(settings)) as client:
    answer = client.get("/v1/pools", headers={"Authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()) == (200, {"data": []}), answer.text
    assert client.get("/v1/pools").status_code == 401
"""

USES_THE_FORMAT = """
from pathlib import Path
import pyarrow as pa
from pyarrow import ipc
from models.errors import InvalidData
from models.formats import read
from models.formats.summaries import profile

with pa.OSFile("rows.arrow", "wb") as file, ipc.new_file(file, pa.schema([("a", pa.float64())])) as writer:
    writer.write(pa.record_batch([pa.array([1.0, 2.0])], ["a"]))
assert profile(read(Path("rows.arrow"), format="arrow", options={})).rows == 2
Path("broken.arrow").write_bytes(b"no arrow")
try:
    read(Path("broken.arrow"), format="arrow", options={})
except InvalidData as error:
    assert "no Arrow file" in error.message
else:
    raise AssertionError("a broken file was read")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    tracked = subprocess.run(["git", "ls-files", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return tmp_path


def test_there_are_three_changes() -> None:
    assert len(CHANGES) == 3


@pytest.mark.parametrize(
    ("change", "use"),
    list(zip(CHANGES, (USES_THE_OPTIMIZER, USES_THE_ENDPOINT, USES_THE_FORMAT), strict=True)),
    ids=["optimizer", "endpoint", "format"],
)
def test_the_change_applies_and_does_what_the_page_says(copy: Path, change: str, use: str) -> None:
    applied = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=copy,
        input=change,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stderr
    script = copy / "use.py"
    script.write_text(use)
    used = subprocess.run([sys.executable, str(script)], cwd=copy, capture_output=True, text=True, check=False)
    assert used.returncode == 0, used.stderr
