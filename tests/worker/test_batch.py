"""What waits for the database: merged, in order, and bounded."""

import numpy as np

from worker import batch
from worker.batch import Batch
from worker.messages import Frame


def metrics(*steps: int, name: str = "train/loss") -> Frame:
    numbers = np.array(steps)
    return Frame("metrics", {"names": [name]}, (numbers, numbers + 0.5, numbers * 2.0))


def filled(*frames: Frame, log: bytes = b"") -> Batch:
    made = Batch()
    for frame in frames:
        made.add(frame)
    made.add_log(log)
    return made


def test_nothing_said_is_nothing_to_write():
    assert not Batch()
    assert filled(log=b"x")
    assert filled(Frame("progress", {"step": 0}))


def test_points_of_a_series_become_one_run():
    points = filled(metrics(1, 2), metrics(3), metrics(1, name="validation/loss")).points()
    assert points["train/loss"].steps.tolist() == [1, 2, 3]
    assert points["train/loss"].values.tolist() == [2.0, 4.0, 6.0]
    assert points["validation/loss"].times.tolist() == [1.5]


def test_only_the_newest_progress_counts_and_other_frames_keep_their_order():
    made = filled(Frame("progress", {"step": 1}), Frame("phase"), Frame("progress", {"step": 2}), Frame("resolved"))
    assert made.progress == {"step": 2}
    assert [frame.kind for frame in made.frames] == ["phase", "resolved"]


def test_a_checkpoint_that_is_told_again_of_more_kinds_is_one():
    def told(path: str, *kinds: str) -> Frame:
        return Frame("checkpoint", {"path": path, "kinds": list(kinds)})

    made = filled(told("/1", "latest"), told("/2", "latest"), told("/2", "best", "latest"))
    assert [frame.fields["kinds"] for frame in made.frames] == [["latest"], ["best", "latest"]]


def test_a_long_log_loses_its_beginning_and_says_so(monkeypatch):
    monkeypatch.setattr(batch, "MAX_LOG_BYTES", 100)
    made = filled(log=b"a" * 80)
    made.add_log(b"b" * 40)
    assert len(made.log) < 200
    assert made.log.startswith(b"[some of the log is missing")
    assert made.log.endswith(b"b" * 40)


def test_too_many_points_are_thinned_out_evenly_and_the_last_is_kept(monkeypatch):
    monkeypatch.setattr(batch, "MAX_POINTS", 10)
    made = filled(*(metrics(step) for step in range(1, 15)))
    steps = made.points()["train/loss"].steps.tolist()
    assert made.num_points == len(steps) <= 10
    assert steps[-1] == 14
    assert steps == sorted(set(steps))
