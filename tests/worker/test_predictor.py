"""What a predictor process says to questions, and which networks it keeps."""

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.worker.asking import newest
from tests.worker.training.material import train_on
from worker import predictor
from worker.predictor import Shelf, answered

SHORT = {"epochs": 1, "max_steps": 3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each kind of data."""
    found = {}
    for family in ("flowers", "prices", "stripes", "waves"):
        directory = tmp_path_factory.mktemp(family)
        sections: dict[str, Any] = (
            {"preprocessing": {"series": {"window": 12, "horizon": 2}}} if family == "waves" else {}
        )
        train_on(family, directory, training=SHORT, **sections)
        found[family] = newest(directory)
    return found


def say(folder: Path, rows: list[Any], *, shelf: Shelf | None = None, top: int | None = None, seconds: float = 30.0):
    text = json.dumps({"rows": rows, "num_probabilities": top})
    question = {"path": str(folder), "manifest_sha256": str(folder), "text": text, "seconds": seconds}
    return answered(question, shelf or Shelf())


def pointer_of(document: dict[str, Any]) -> str:
    assert document["problem"]["status"] == 422, document
    (error,) = document["problem"]["errors"]
    assert error["detail"] in document["problem"]["detail"]
    return str(error["pointer"])


@pytest.mark.parametrize(
    ("family", "row", "field"),
    [
        ("flowers", {"x1": "many"}, "x1"),
        ("flowers", {"colour": {"red": 1}}, "colour"),
        ("stripes", {}, "image"),
        ("stripes", {"image": "no base64!"}, "image"),
        ("stripes", {"image": base64.b64encode(b"GIF89a").decode()}, "image"),
        ("waves", {"series": [1, 2, 3]}, "series"),
        ("waves", {"series": [[1, 2]] * 12}, "series"),
        ("waves", {"values": [1] * 12}, "series"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_with_its_place(folders, family, row, field):
    good = {"stripes": {"image": np.zeros((8, 8)).tolist()}, "waves": {"series": [1.0] * 12}}.get(family, {})
    assert pointer_of(say(folders[family], [good, good, row])) == f"#/rows/2/{field}"


def test_names_are_escaped_in_pointers(tmp_path):
    import pyarrow as pa

    from models.formats.sources import Table
    from models.formats.summaries import profile
    from models.spec import parse, resolve
    from worker.training import train

    source = Table(pa.table({"a/b~c": np.arange(40.0), "y": np.arange(40.0)}))
    spec = resolve(
        parse({"data": {"dataset": "t", "target": "y"}, "network": "mlp", "training": SHORT}), profile(source)
    )
    train(spec, source, directory=tmp_path, device="cpu")
    assert pointer_of(say(newest(tmp_path), [{"a/b~c": "x"}])) == "#/rows/0/a~1b~0c"


def bomb(side: int) -> str:
    """A few kilobytes of PNG that unpack to side x side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(bytes(side + 1) * 64, 9)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")).decode()


def test_an_image_of_far_too_many_pixels_is_refused_before_it_is_unpacked(folders):
    document = say(folders["stripes"], [{"image": bomb(60_000)}])
    assert pointer_of(document) == "#/rows/0/image"
    assert "pixels" in document["problem"]["detail"]


def test_images_of_any_size_and_colour_are_fitted_as_in_training(folders):
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), (250, 250, 250)).save(buffer, "PNG")
    large = base64.b64encode(buffer.getvalue()).decode()
    small = np.full((8, 8), 250).tolist()
    first, second = say(folders["stripes"], [{"image": large}, {"image": small}])["predictions"]
    assert first["probabilities"] == pytest.approx(second["probabilities"], abs=1e-3)


def test_a_longer_series_counts_by_its_last_steps(folders):
    last = np.sin(np.arange(12.0)).tolist()
    long, exact = say(folders["waves"], [{"series": [100.0, 5.0, *last]}, {"series": last}])["predictions"]
    assert long["values"] == exact["values"]
    assert len(exact["values"]) == 2


def test_a_time_that_has_run_out_ends_a_prediction_between_two_pieces(folders):
    document = say(folders["flowers"], [{}], seconds=-1.0)
    assert (document["problem"]["status"], document["problem"]["code"]) == (504, "prediction_timeout")


def test_more_probabilities_than_anybody_stores_are_refused_but_for_the_first(folders, monkeypatch):
    monkeypatch.setattr(predictor, "MAX_PROBABILITIES", 10)
    assert pointer_of(say(folders["flowers"], [{}] * 4)) == "#/rows"
    assert len(say(folders["flowers"], [{}] * 4, top=2)["predictions"]) == 4


def test_an_answer_longer_than_a_frame_becomes_advice(monkeypatch):
    monkeypatch.setattr(predictor, "MAX_ANSWER_BYTES", 1000)
    assert predictor._fitting({"predictions": [1]}).fields["document"] == {"predictions": [1]}
    assert pointer_of(predictor._fitting({"predictions": ["x" * 1000]}).fields["document"]) == "#/rows"


def test_what_nobody_foresaw_is_a_503_with_its_traceback_in_the_log(folders, capsys):
    question = {"path": str(folders["flowers"]), "manifest_sha256": "x", "text": "{}", "seconds": 1.0}
    document = answered(question, Shelf())
    assert (document["problem"]["status"], document["problem"]["code"]) == (503, "prediction_failed")
    assert "KeyError" in capsys.readouterr().err


def test_the_networks_that_were_asked_last_stay_within_the_memory_given_to_them(folders):
    sizes = {family: Shelf().predictor(folder, manifest_sha256="x").num_bytes for family, folder in folders.items()}
    shelf = Shelf(max_bytes=sizes["flowers"] + sizes["prices"])
    flowers = shelf.predictor(folders["flowers"], manifest_sha256="flowers")
    prices = shelf.predictor(folders["prices"], manifest_sha256="prices")
    assert shelf.predictor(folders["flowers"], manifest_sha256="flowers") is flowers
    shelf.predictor(folders["waves"], manifest_sha256="waves")
    assert shelf.predictor(folders["prices"], manifest_sha256="prices") is not prices
    tiny = Shelf(max_bytes=1)
    assert tiny.predictor(folders["flowers"], manifest_sha256="a") is tiny.predictor(Path("gone"), manifest_sha256="a")
