"""Training on images that stay in their files: the bits of the resident run, errors with names, no thread left."""

from __future__ import annotations

import base64
import json
import threading

import numpy as np
import pytest
import torch

from models.errors import InvalidData
from tests.worker.training.archives import encoded, job_on, opened, striped_files, train_images, write_tar
from tests.worker.training.material import CPU, Recording
from worker.training import Order, fingerprints
from worker.training.data import image_sets, prepare, restore
from worker.training.errors import OutOfMemory
from worker.training.rows import StreamedRows
from worker.training.rows import prepare as prepare_rows
from worker.training.session import open_session


@pytest.fixture
def archive(tmp_path):
    return write_tar(tmp_path / "images.tar", striped_files())


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("decoder")]


def numbers_in(result):
    of_the_run = ("samples_per_second", "phase_seconds", "peak_memory_bytes", "data_report")
    return {name: value for name, value in result.result.items() if name not in of_the_run}


def prepared(archive, **how):
    source = opened(archive)
    return prepare(job_on(source, **how), source, device=CPU)


def test_streamed_and_resident_runs_end_with_the_same_bits(archive, tmp_path):
    device, files = Recording(), Recording()
    resident = train_images(archive, tmp_path / "device", callbacks=(device,), images="device")
    streamed = train_images(archive, tmp_path / "files", callbacks=(files,), images="files")

    assert numbers_in(streamed) == numbers_in(resident)
    assert files.metrics["train/loss"] == device.metrics["train/loss"]
    held = [result.result["data_report"]["images"]["held"] for result in (resident, streamed)]
    assert held == ["device", "files"]
    assert [told.resolved.resources.images for told in (device, files)] == held


def test_photographs_in_colour_end_with_the_same_bits_too(tmp_path):
    random = np.random.default_rng(0)
    pictures = {f"{'ab'[row % 2]}/{row}.png": random.integers(0, 256, (9, 11, 3), np.uint8) for row in range(40)}
    path = write_tar(tmp_path / "colour.tar", {name: encoded(pixels) for name, pixels in pictures.items()})
    for framing in ("stretch", "crop"):
        how = {"preprocessing": {"image": {"size": [8, 8], "framing": framing}}}
        resident = train_images(path, tmp_path / f"device-{framing}", images="device", **how)
        assert numbers_in(train_images(path, tmp_path / f"files-{framing}", images="files", **how)) == numbers_in(
            resident
        )


def test_blocks_give_another_run_and_the_same_one_wherever_images_are(archive, tmp_path):
    how = {"shuffle": {"type": "blocks", "block": 3, "window": 2}}
    resident = train_images(archive, tmp_path / "device", images="device", **how)
    streamed = train_images(archive, tmp_path / "files", images="files", **how)

    assert numbers_in(streamed) == numbers_in(resident)
    plain = train_images(archive, tmp_path / "rows", images="device")
    assert plain.result["weights_sha256"] != resident.result["weights_sha256"]


@pytest.mark.parametrize("decoders", [1, 3, 8])
def test_the_number_of_threads_changes_no_bit(archive, tmp_path, decoders):
    one = train_images(archive, tmp_path / "one", images="files", decoders=1)

    assert numbers_in(train_images(archive, tmp_path / "n", images="files", decoders=decoders)) == numbers_in(one)


@pytest.mark.parametrize("cut", [1, 5, 9])
def test_a_run_interrupted_mid_epoch_and_resumed_elsewhere_ends_with_the_same_bits(archive, tmp_path, cut):
    whole = train_images(archive, tmp_path / "whole", images="files")
    drained = train_images(
        archive, tmp_path / "part", callbacks=(Recording(order=Order.DRAIN, at=cut),), images="files"
    )
    assert (drained.outcome, drained.step) == ("drained", cut)

    for images in ("files", "device"):  # another worker may have more memory
        rest = train_images(archive, tmp_path / f"rest-{images}", resume=tmp_path / "part" / str(cut), images=images)
        assert numbers_in(rest) == numbers_in(whole)


def test_an_image_that_is_damaged_is_named_by_the_step_that_needs_it(tmp_path):
    files = striped_files()
    names = list(files)
    files[names[40]] = files[names[40]][:200]
    path, told = write_tar(tmp_path / "images.tar", files), Recording()
    source = opened(path)
    whole = opened(write_tar(tmp_path / "whole.tar", striped_files()))
    spec = job_on(whole, images="files", preprocessing={"image": {"size": [8, 8], "standardize": "none"}})

    from worker.training import train

    with pytest.raises(InvalidData, match="damaged") as caught:
        train(spec, source, directory=tmp_path / "run", device="cpu", callbacks=(told,), num_threads=1)
    assert caught.value.place == names[40]
    assert told.phases[-1] == "training"


def test_images_are_decoded_as_they_are_asked_for_and_in_that_order(archive):
    rows = prepare_rows(prepared(archive, images="files").train, open_model(archive))
    kept = prepare_rows(prepared(archive, images="device").train, open_model(archive))
    assert isinstance(rows, StreamedRows)
    assert rows.num_values == kept.num_values == 64
    some = torch.tensor([5, 1, 7, 5])

    assert torch.equal(rows.take(some).inputs["image"], kept.inputs["image"][some])
    assert torch.equal(rows.take(some).targets, kept.targets[some])
    assert rows.take(some).inputs["image"].stride() == kept.take(some).inputs["image"].stride()
    for mine, theirs in zip(rows.slices(20), kept.slices(20), strict=True):
        assert torch.equal(mine.inputs["image"], theirs.inputs["image"])
        assert torch.equal(mine.targets, theirs.targets)
        assert mine.inputs["image"].stride() == theirs.inputs["image"].stride()


def open_model(archive):
    source = opened(archive)
    spec = job_on(source)
    return open_session(spec, prepare(spec, source, device=CPU), device=CPU).model


def test_auto_goes_by_the_memory_that_is_free(archive, monkeypatch):
    num_bytes = 90 * 8 * 8
    monkeypatch.setattr(image_sets, "room_for_data", lambda _: num_bytes)
    assert not prepared(archive).train.is_streamed
    monkeypatch.setattr(image_sets, "room_for_data", lambda _: num_bytes - 1)
    assert prepared(archive).train.is_streamed
    assert not prepared(archive, images="device").train.is_streamed


def test_the_data_is_the_same_wherever_it_is_held(archive, tmp_path):
    device, files = prepared(archive, images="device"), prepared(archive, images="files")
    assert fingerprints.of_data(device) == fingerprints.of_data(files)
    assert torch.equal(device.preprocessing.scale, files.preprocessing.scale)

    contents = striped_files()
    first, second = list(contents)[:2]
    contents[first], contents[second] = contents[second], contents[first]
    other = write_tar(tmp_path / "other.tar", contents)
    assert fingerprints.of_data(prepared(other, images="files")) != fingerprints.of_data(files)


def test_a_full_batch_is_decoded_as_one_where_it_fits_and_refused_where_it_does_not(archive, tmp_path, monkeypatch):
    how = {"training": {"epochs": 2, "batch_size": "full"}}
    resident = train_images(archive, tmp_path / "device", images="device", **how)
    assert numbers_in(train_images(archive, tmp_path / "files", images="files", **how)) == numbers_in(resident)

    monkeypatch.setattr(image_sets, "room_for_data", lambda _: 100)
    with pytest.raises(OutOfMemory, match="A batch of all training images") as caught:
        train_images(archive, tmp_path / "no", **how)
    assert caught.value.param == "#/training/batch_size"


def test_statistics_come_from_an_even_sample_of_the_training_images(archive, monkeypatch):
    whole = prepared(archive, images="files")
    monkeypatch.setattr(image_sets, "NUM_MEASURED", 10)
    sampled = prepared(archive, images="files")
    assert (whole.report["images"]["measured"], sampled.report["images"]["measured"]) == (len(whole.train), 10)

    train = whole.train.pictures
    by_name = np.argsort(train.rows)
    chosen = train.chosen(by_name[np.arange(10) * len(train) // 10]).gathered(device=CPU).double() / 255
    assert sampled.preprocessing.scale.item() * 255 == pytest.approx(1 / chosen.std(unbiased=False).item(), rel=1e-6)
    assert whole.preprocessing.scale.item() != sampled.preprocessing.scale.item()


@pytest.mark.parametrize("framing", ["stretch", "crop"])
def test_prediction_sees_the_pixels_that_training_saw(tmp_path, framing):
    random = np.random.default_rng(0)
    files = {
        f"{'ab'[n % 2]}/{n:02}.jpg": encoded(random.integers(0, 256, (20, 31, 3), np.uint8), "JPEG") for n in range(30)
    }
    path = write_tar(tmp_path / "images.tar", files)
    data = prepared(path, images="files", preprocessing={"image": {"size": [8, 8], "framing": framing}})
    pictures = data.train.pictures
    encoding, _ = restore(json.loads(json.dumps(data.recipe)))

    row = int(pictures.rows[3])
    raw = encoding.encode([{"image": base64.b64encode(files[pictures.source.name(row)]).decode()}])

    assert torch.equal(raw["image"], pictures.chosen(np.array([3])).gathered(device=CPU))


def test_files_of_equal_bytes_stay_on_one_side_or_are_dropped(tmp_path):
    files = striped_files(rows=45)
    twice = files | {name.replace("/", "/again-"): content for name, content in files.items()}
    path = write_tar(tmp_path / "twice.tar", twice)

    together = prepared(path, images="files")
    dropped = prepared(path, images="files", cleaning={"duplicates": "drop"})

    keys = [set(split.pictures.keys.tolist()) for split in (together.train, together.validation, together.test)]
    assert not keys[0] & keys[1]
    assert not keys[0] & keys[2]
    assert together.report["duplicates"] == 45
    assert dropped.report["rows_dropped"] == {"duplicates": 45}
    assert dropped.report["rows_used"] == 45
