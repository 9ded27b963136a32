"""Event files, byte by byte: checksums, and every message as TensorBoard's own classes read and write it."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c, masked_crc32c
from tensorboard.plugins.hparams import plugin_data_pb2

from models.histograms import Histograms
from models.metric_blobs import points
from models.status import Status
from models.tensorboard import events
from models.tensorboard.hparams import hparams, session_end
from models.tensorboard.records import checksums, framed, record


def parsed(content: bytes) -> list[Event]:
    """The events in a file, each with both its checksums compared."""
    found, start = [], 0
    while start < len(content):
        length, head_sum = struct.unpack_from("<QI", content, start)
        payload = content[start + 12 : start + 12 + length]
        (sum_,) = struct.unpack_from("<I", content, start + 12 + length)
        assert head_sum == masked_crc32c(content[start : start + 8])
        assert sum_ == masked_crc32c(payload)
        found.append(Event.FromString(payload))
        start += 16 + length
    return found


def test_the_checksum_is_the_one_of_the_standard():
    zeros, ones, rising = bytes(32), b"\xff" * 32, bytes(range(32))
    numbers = [np.frombuffer(content, np.uint8)[None] for content in (zeros, ones, rising)]
    assert [int(checksums(number)[0]) for number in numbers] == [0x8A9136AA, 0x62A8AB43, 0x46DD794E]  # RFC 3720, B.4


@given(st.lists(st.binary(min_size=7, max_size=7), min_size=1, max_size=5))
def test_records_of_equal_length_are_checked_together(contents):
    payloads = np.frombuffer(b"".join(contents), np.uint8).reshape(len(contents), 7)
    assert checksums(payloads).tolist() == [crc32c(content) for content in contents]
    assert framed(payloads) == b"".join(record(content) for content in contents)


def test_a_file_opens_with_its_version_and_a_new_session():
    version, session = parsed(events.opening(time=12.5))
    assert (version.wall_time, version.file_version) == (12.5, "brain.Event:2")
    assert session.session_log.status == SessionLog.START


@given(
    st.lists(st.tuples(st.integers(0, 2**40), st.floats(allow_nan=True)), min_size=1, max_size=40),
    st.text(min_size=1, max_size=200),
)
def test_every_point_of_a_series_is_an_event(pairs, tag):
    steps, values = [step for step, _ in pairs], [value for _, value in pairs]
    times = [1.7e9 + place for place in range(len(pairs))]
    found = parsed(b"".join(events.scalars(tag, points(steps, times, values))))
    assert [event.step for event in found] == steps
    assert [event.wall_time for event in found] == times
    assert {event.summary.value[0].tag for event in found} == {tag}
    with np.errstate(over="ignore"):
        expected = np.array(values).astype(np.float32)
    np.testing.assert_array_equal([event.summary.value[0].simple_value for event in found], expected)


def test_a_long_series_comes_in_blocks():
    num_points = 150_000
    blocks = list(events.scalars("train/loss", points(range(num_points), [0.0] * num_points, [1.0] * num_points)))
    assert len(blocks) == 3
    assert [event.step for block in blocks for event in parsed(block)[:1]] == [0, 65536, 131072]


def test_a_series_without_points_has_no_events():
    assert list(events.scalars("train/loss", points([], [], []))) == []


def test_a_histogram_tells_its_buckets_by_their_upper_limits():
    figures = np.array([[-1.0, 3.0, 4.0, 2.5, 9.0], [0.0, 0.0, 2.0, 0.0, 0.0]])
    counts = np.array([[1.0, 0.0, 2.0, 1.0], [0.0, 0.0, 0.0, 2.0]])
    spread, constant = parsed(events.histograms(Histograms(7, 5.0, ["weights/a", "gradients/a"], figures, counts)))
    assert (spread.step, spread.wall_time, spread.summary.value[0].tag) == (7, 5.0, "weights/a")
    histogram = spread.summary.value[0].histo
    assert (histogram.min, histogram.max, histogram.num, histogram.sum, histogram.sum_squares) == (-1, 3, 4, 2.5, 9)
    assert list(histogram.bucket_limit) == [0.0, 1.0, 2.0, 3.0]
    assert list(histogram.bucket) == [1.0, 0.0, 2.0, 1.0]
    limits = constant.summary.value[0].histo.bucket_limit
    assert list(limits) == sorted(limits)
    assert list(constant.summary.value[0].histo.bucket) == [0.0, 0.0, 0.0, 2.0]


def test_choices_and_metrics_are_what_the_hparams_page_reads():
    chosen = {"optimizer.type": "adamw", "deterministic": True, "optimizer.learning_rate": 0.003, "training.epochs": 5}
    (event,) = parsed(hparams(chosen, metrics=["test/accuracy"], group="job_1", started_at=100.0, name="iris"))
    experiment, session = (
        plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for value in event.summary.value
    )
    assert [value.metadata.plugin_data.plugin_name for value in event.summary.value] == ["hparams", "hparams"]
    infos = experiment.experiment.hparam_infos
    assert [(info.name, info.type) for info in infos] == list(zip(chosen, [1, 2, 3, 3], strict=True))
    assert [info.name.tag for info in experiment.experiment.metric_infos] == ["test/accuracy"]
    assert (experiment.experiment.name, experiment.experiment.time_created_secs) == ("iris", 100.0)
    kept = session.session_start_info
    assert (kept.group_name, kept.start_time_secs) == ("job_1", 100.0)
    assert {name: getattr(value, value.WhichOneof("kind")) for name, value in kept.hparams.items()} == chosen


@pytest.mark.parametrize(
    ("status", "told"), [(Status.SUCCEEDED, 1), (Status.FAILED, 2), (Status.CANCELLED, 2)], ids=str
)
def test_the_end_of_the_session_tells_how_the_run_ended(status, told):
    (event,) = parsed(session_end(status, ended_at=50.0))
    content = event.summary.value[0].metadata.plugin_data.content
    ended = plugin_data_pb2.HParamsPluginData.FromString(content).session_end_info
    assert (ended.status, ended.end_time_secs) == (told, 50.0)
