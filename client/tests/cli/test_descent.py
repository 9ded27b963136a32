"""Forks, reproductions and comparisons from the command line."""

from __future__ import annotations

from client.tests.test_descent import finished


def test_the_commands_do_the_same(run, submit, claim):
    parent = finished(submit, claim, seed=1)
    fork = run("fork", parent.id, "--set", "seed=2", "--from", "best", "--json").document
    assert (fork["parent"], fork["resolved_spec"]["seed"]) == (parent.id, 2)
    assert run("reproduce", parent.id, "--json").document["origin"] == "reproduction"
    table = run("compare", parent.id, fork["id"]).out
    assert "#/seed" in table
    assert "losses part at step" in table
