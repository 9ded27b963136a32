"""Forks, reproductions and comparisons through the client."""

from __future__ import annotations

import pytest

from trainyard import Client, NotFound, Unprocessable


def finished(submit, claim, **spec):
    job = submit(**spec)
    trainer = claim()
    trainer.metric("train/loss", [1, 2], [1.0, 0.5])
    trainer.checkpoint(2, {"weights.safetensors": b"w"})
    trainer.succeed()
    return job.refresh()


def test_a_fork_is_a_job_of_its_own_that_knows_its_parent(client: Client, submit, claim):
    parent = finished(submit, claim)
    fork = parent.fork({"seed": 7}, from_checkpoint="best")
    assert (fork.record.parent, fork.record.origin, fork.record.spec["seed"]) == (parent.id, "fork", 7)
    assert fork.record.resolved_spec["init_from"]["job"] == parent.id
    assert [job.id for job in client.jobs.list(parent=parent.id)] == [fork.id]


def test_a_wrong_fork_points_at_the_mistake(submit):
    with pytest.raises(Unprocessable) as caught:
        submit().fork({"seeed": 1})
    assert [error.pointer for error in caught.value.errors] == ["#/seeed"]


def test_a_reproduction_is_told_from_a_fork(submit, claim):
    parent = finished(submit, claim)
    again = parent.reproduce().refresh()
    assert again.record.origin == "reproduction"
    assert (again.record.reproduction.of, again.record.reproduction.weights_equal) == (parent.id, None)
    assert parent.record.reproduction is None


def test_a_comparison_comes_in_records(client: Client, submit, claim):
    one, two = finished(submit, claim, seed=1), finished(submit, claim, seed=2)
    found = client.jobs.compare(one.id, two.id)
    assert [(difference.pointer, difference.values) for difference in found.differences] == [("#/seed", (1, 2))]
    assert (found.losses[0].first_step, found.losses[0].compared_steps) == (None, 2)
    with pytest.raises(NotFound):
        client.jobs.compare(one.id, "job_00000000-0000-7000-8000-000000000000")
