"""Frames survive any cut of the stream, keep every bit of a number and refuse what is no frame."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from worker.messages import MAX_HEADER_BYTES, Decoder, Frame, FrameError


def decoded(data: bytes, *, piece: int | None = None) -> list[Frame]:
    decoder = Decoder()
    size = piece or len(data)
    return [frame for start in range(0, len(data), size) for frame in decoder.feed(data[start : start + size])]


def test_a_frame_comes_back_as_it_was_sent():
    sent = Frame("phase", {"phase": "training", "depth": {"list": [1, None, True, "ü"]}})
    assert decoded(sent.encode()) == [sent]


def test_numbers_keep_every_bit_nan_and_infinities_included():
    steps = np.array([1, 2**62, -5], dtype=np.int64)
    values = np.array([math.nan, math.inf, -math.inf, 0.1, -0.0, 5e-324])
    (frame,) = decoded(Frame("metrics", {"names": ["loss"]}, (steps, values)).encode())
    assert frame.arrays[0].tobytes() == steps.tobytes()
    assert frame.arrays[1].tobytes() == values.tobytes()
    assert frame.arrays[1].dtype == np.float64


def test_narrow_numbers_are_widened_on_the_way():
    (frame,) = decoded(
        Frame("metrics", {}, (np.array([1.5], dtype=np.float32), np.array([7], dtype=np.int32))).encode()
    )
    assert [array.dtype.str for array in frame.arrays] == ["<f8", "<i8"]
    assert [array.tolist() for array in frame.arrays] == [[1.5], [7]]


def test_a_strided_array_arrives_in_order():
    (frame,) = decoded(Frame("metrics", {}, (np.arange(10)[::2],)).encode())
    assert frame.arrays[0].tolist() == [0, 2, 4, 6, 8]


@given(
    frames=some.lists(
        some.tuples(
            some.text(min_size=1, max_size=9),
            some.dictionaries(
                some.text(max_size=5), some.one_of(some.none(), some.booleans(), some.text(), some.integers())
            ),
            some.lists(some.floats(width=64), max_size=20),
        ),
        min_size=1,
        max_size=4,
    ),
    piece=some.integers(1, 64),
)
def test_any_cut_of_the_stream_gives_the_same_frames(frames, piece):
    sent = [Frame(kind, fields, (np.array(values, dtype=np.float64),)) for kind, fields, values in frames]
    received = decoded(b"".join(frame.encode() for frame in sent), piece=piece)
    assert [(frame.kind, frame.fields) for frame in received] == [(frame.kind, frame.fields) for frame in sent]
    assert [frame.arrays[0].tobytes() for frame in received] == [frame.arrays[0].tobytes() for frame in sent]


def test_half_a_frame_is_no_frame_yet():
    data = Frame("finished", {"outcome": "succeeded"}, (np.zeros(9),)).encode()
    decoder = Decoder()
    assert list(decoder.feed(data[:-1])) == []
    assert [frame.kind for frame in decoder.feed(data[-1:])] == ["finished"]


@pytest.mark.parametrize(
    "header",
    [
        b"no json",
        b"[]",
        b"{}",
        b'{"kind": 1, "fields": {}, "arrays": []}',
        b'{"kind": "a", "fields": [], "arrays": []}',
    ],
)
def test_a_header_that_is_none_is_refused(header):
    with pytest.raises(FrameError):
        decoded(struct.pack(">I", len(header)) + header)


@pytest.mark.parametrize("arrays", [[["|O", 1]], [["<i8", -1]], [["<i8", 1 << 40]], [["<i8", "x"]], [7]])
def test_arrays_of_objects_or_of_absurd_size_are_refused(arrays):
    header = json.dumps({"kind": "metrics", "fields": {}, "arrays": arrays}).encode()
    with pytest.raises(FrameError):
        decoded(struct.pack(">I", len(header)) + header)


def test_an_absurd_length_is_refused_before_anything_is_stored():
    with pytest.raises(FrameError):
        decoded(struct.pack(">I", MAX_HEADER_BYTES + 1))


def test_an_array_of_objects_cannot_be_sent():
    with pytest.raises(TypeError):
        Frame("metrics", {}, (np.array(["a"]),)).encode()
