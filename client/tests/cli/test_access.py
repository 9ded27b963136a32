"""Keys, projects and the audit log from the command line."""

from __future__ import annotations

from trainyard.cli.session import ExitCode


def test_a_key_is_rotated(run):
    run("keys", "create", "turning", "--scope", "jobs:read", "--days", "3")
    listed = next(key for key in run("keys", "list", "--json").document if key["name"] == "turning")
    assert listed["expires_at"] is not None
    assert run("keys", "rotate", listed["id"], "--grace-hours", "0").out.startswith("ty_")
    line = run("audit", "--resource", listed["id"], "--operation", "rotate_key", "--json").document[0]
    assert line["outcome"] == "done"
    assert "rotate_key" in run("audit", "--resource", listed["id"]).out


def test_a_project_is_made_limited_closed_and_opened(run):
    assert "created" in run("projects", "create", "by-cli", "--quota", "running_jobs=2").out
    shown = run("projects", "show", "by-cli", "--json").document["quotas"]
    assert shown["running_jobs"]["limit"] == 2
    assert "running_jobs" in run("projects", "show", "by-cli").out
    changes = ("--quota", "running_jobs=unlimited", "--quota", "queued_jobs=7")
    limited = run("projects", "limit", "by-cli", *changes, "--json").document["quotas"]
    assert (limited["running_jobs"]["limit"], limited["queued_jobs"]["limit"]) == (None, 7)
    assert run("projects", "limit", "by-cli", "--quota", "queued_jobs=default", "--json").document["quotas"][
        "queued_jobs"
    ] == {"used": 0, "limit": None, "source": "default"}
    assert "closed" in run("projects", "close", "by-cli").out
    assert "closed" in run("projects", "list").out
    assert "open" in run("projects", "open", "by-cli").out


def test_a_quota_that_is_none_is_refused_before_it_is_sent(run):
    for text in ("running_jobs", "running_jobs=", "running_jobs=-1", "running_jobs=many"):
        assert run("projects", "limit", "default", "--quota", text).code == ExitCode.BAD_INPUT
