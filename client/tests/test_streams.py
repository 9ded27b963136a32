"""Events, metrics and logs as they happen, over a network that is cut, against the real API."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from tests.fixtures.waiting import wait_for
from trainyard import NotFound


def test_events_come_in_order_and_end_with_the_job(submit, claim):
    job = submit()
    claim().succeed()
    events = list(job.events())
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [events[0].type, events[-1].type] == ["job.queued", "job.succeeded"]
    assert all(event.id.startswith("evt_") and event.at is not None for event in events)
    assert [event.seq for event in job.events(after=2)] == [event.seq for event in events[2:]]


def test_events_of_a_running_job_come_as_they_happen(submit, claim):
    job = submit()
    trainer = claim()
    live = job.events()
    assert [next(live).type, next(live).type] == ["job.queued", "job.running"]
    trainer.phase("training")
    assert next(live).data == {"phase": "training"}
    trainer.succeed()
    assert [event.type for event in live] == ["job.succeeded"]


def test_past_events_do_not_wait(submit):
    assert [event.type for event in submit().past_events()] == ["job.queued"]


def test_after_a_cut_events_go_on_without_gap_or_repetition(submit, claim, wired, cable):
    job = submit(via=wired)
    trainer = claim()
    seen = []
    for event in job.events():
        seen.append(event)
        if event.type == "job.running":
            cable.cut()
            trainer.phase("training")
        elif event.data == {"phase": "training"}:
            cable.cut()
            trainer.phase("saving")
            trainer.succeed()
    assert [event.seq for event in seen] == [1, 2, 3, 4, 5]
    assert seen[-1].type == "job.succeeded"


@pytest.mark.parametrize("num_bytes", [1, 150, 400, 700, 900])
def test_a_cut_in_the_middle_of_an_event_loses_nothing(submit, claim, wired, cable, num_bytes):
    job = submit()
    claim().succeed()
    handle = wired.jobs.get(job.id)
    cable.cut()
    cable.cut_after(num_bytes, of="answers")
    assert [event.seq for event in handle.events()] == [1, 2, 3]


def test_the_stream_carries_progress_metrics_and_log_beside_the_events(submit, claim):
    job = submit()
    trainer = claim()
    frames = iter(job.stream())
    wait_for(lambda: next(frames).kind == "job.running", "the stream to be live")
    trainer.progress(0.5, epoch=1, epochs=2, step=4, steps=8)
    trainer.metric("train/loss", [1, 2], [2.0, 1.0])
    trainer.log("hello\n")
    trainer.succeed()
    rest = list(frames)
    kinds = {frame.kind for frame in rest}
    assert {"progress", "metrics", "log", "job.succeeded"} <= kinds
    assert [frame.seq for frame in rest if frame.kind in {"progress", "metrics", "log"}] == [None] * sum(
        frame.kind in {"progress", "metrics", "log"} for frame in rest
    )


def test_metrics_are_listed_with_their_extremes(submit, claim):
    job = submit()
    claim().metric("train/loss", [1, 2, 3], [2.0, 0.5, float("nan")])
    summary = job.metrics()["train/loss"]
    assert (summary.points, summary.min, summary.max) == (3, 0.5, 2.0)
    assert (summary.best.step, summary.last.step) == (2, 3)
    assert summary.last.value != summary.last.value


def test_a_series_comes_in_equal_columns_within_the_asked_number_of_points(submit, claim):
    job = submit()
    claim().metric("train/loss", range(1, 101), [1 / step for step in range(1, 101)])
    whole, bucketed = job.metric("train/loss"), job.metric("train/loss", max_points=7)
    assert len(whole.step) == 100
    assert {len(column) for column in (bucketed.step, bucketed.time, bucketed.value, bucketed.min)} == {7}
    assert (sum(bucketed.count), max(bucketed.max)) == (100, 1.0)
    assert job.metric("train/loss", after_step=98).step == (99, 100)
    with pytest.raises(NotFound, match="train/loss"):
        job.metric("train/los")


def test_every_point_comes_once_though_the_network_is_cut(submit, claim, wired, cable):
    job = submit(via=wired)
    trainer = claim()
    trainer.metric("train/loss", [1, 2], [2.0, 1.9])
    seen = []
    for point in job.stream_metrics("train/loss"):
        seen.append((point.step, point.value))
        if point.step == 2:
            trainer.metric("train/loss", [3], [1.8])
        elif point.step == 3:
            cable.cut()
            trainer.metric("train/loss", [4, 5], [1.7, 1.6])
        elif point.step == 5:
            trainer.succeed()
    assert seen == [(1, 2.0), (2, 1.9), (3, 1.8), (4, 1.7), (5, 1.6)]


def test_a_great_many_points_at_once_are_no_trouble(submit, claim):
    job = submit()
    trainer = claim()
    trainer.metric("train/loss", [1], [0.5])
    points = job.stream_metrics()
    assert next(points).step == 1
    trainer.metric("train/loss", range(2, 30_001), [0.123456789] * 29_999)
    trainer.succeed()
    assert [point.step for point in points] == list(range(2, 30_001))


def test_only_the_named_metrics_are_streamed(submit, claim):
    job = submit()
    trainer = claim()
    trainer.metric("train/loss", [1], [2.0])
    trainer.metric("validation/loss", [1], [2.5])
    trainer.succeed()
    assert [point.name for point in job.stream_metrics("validation/loss")] == ["validation/loss"]
    assert {point.name for point in job.stream_metrics()} == {"train/loss", "validation/loss"}


def test_points_behind_the_checkpoint_that_a_job_resumes_from_come_again(submit, claim):
    job = submit()
    trainer = claim()
    trainer.metric("train/loss", [1, 2, 3], [3.0, 2.0, 1.0])
    seen = []
    for point in job.stream_metrics():
        seen.append((point.step, point.value))
        if seen == [(1, 3.0), (2, 2.0), (3, 1.0)]:
            trainer.lose()
            again = claim()
            again.resumed_from(1)
            again.metric("train/loss", [2, 3], [2.5, 1.5])
            again.succeed()
    assert seen == [(1, 3.0), (2, 2.0), (3, 1.0), (2, 2.5), (3, 1.5)]


def test_the_log_is_read_by_lines_whole_or_from_its_end(submit, claim):
    job = submit()
    claim().log("one\ntwo\nthree, not yet whole")
    assert list(job.logs()) == ["one", "two", "three, not yet whole"]
    assert list(job.logs(tail=1)) == ["three, not yet whole"]


def test_an_empty_log_has_no_lines(submit):
    assert list(submit().logs()) == []


def test_a_long_log_is_read_to_its_end(submit, claim):
    job = submit()
    trainer = claim()
    lines = [f"line {number} of a log with ümläuts" for number in range(60_000)]
    for start in range(0, len(lines), 20_000):
        trainer.log("\n".join(lines[start : start + 20_000]) + "\n")
    assert list(job.logs()) == lines


def test_a_followed_log_goes_on_over_cuts_until_the_job_ends(submit, claim, wired, cable):
    job = submit(via=wired)
    trainer = claim()
    trainer.log("one\ntwo\nthr")
    seen = []
    for line in job.logs(tail=2, follow=True):
        seen.append(line)
        if line == "two":
            cable.cut()
            trainer.log("ee\n")
        elif line == "three":
            trainer.log("four\n")
            threading.Timer(0.1, trainer.succeed).start()
    assert seen == ["two", "three", "four"]


def test_a_stream_may_be_left_at_any_time(submit, client):
    job = submit()
    for _ in range(20):
        next(job.events())
    assert all(earlier.seq < later.seq for earlier, later in pairwise(job.past_events()))
