"""Keys, projects and the audit log through the client and the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trainyard import Client, Conflict, Forbidden, NotFound, Unauthorized


def test_a_key_is_rotated_and_both_secrets_work_for_a_while(api, client: Client):
    made = client.keys.create("ci", scopes=["jobs:read"], expires_at=datetime.now(UTC) + timedelta(days=1))
    rotated = client.keys.rotate(made.id, grace=timedelta(hours=1))
    assert (rotated.id, rotated.expires_at) == (made.id, made.expires_at)
    assert rotated.previous_until - rotated.rotated_at == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=1))
    for key in (made, rotated):
        assert key.key not in repr(key)
        with Client(api.url, key.key) as narrow:
            assert list(narrow.jobs.list(limit=1)) is not None
    client.keys.revoke(made.id)
    with Client(api.url, rotated.key) as narrow, pytest.raises(Unauthorized):
        list(narrow.jobs.list(limit=1))
    with pytest.raises(Conflict):
        client.keys.rotate(made.id)


def test_a_project_is_made_limited_and_closed(api, client: Client):
    made = client.projects.create("by-client", running_jobs=2)
    assert made.quotas["running_jobs"]["limit"] == 2
    key = client.keys.create("theirs", scopes=["admin"], project="by-client")
    assert [listed.id for listed in client.keys.list(project="by-client")] == [key.id]
    assert client.projects.limit("by-client", running_jobs=None).quotas["running_jobs"]["limit"] is None
    assert "by-client" in [project.name for project in client.projects.list()]
    with Client(api.url, key.key) as theirs:
        assert theirs.projects.get("by-client").closed_at is None
        with pytest.raises(Forbidden):
            theirs.projects.close("by-client")
        assert client.projects.close("by-client").closed_at is not None
        with pytest.raises(Unauthorized):
            theirs.projects.get("by-client")
        assert client.projects.open("by-client").closed_at is None
        assert theirs.projects.get("by-client").name == "by-client"
    with pytest.raises(NotFound):
        client.projects.get("nobodys")


def test_what_was_changed_is_read_back(client: Client):
    began = datetime.now(UTC) - timedelta(minutes=1)
    made = client.keys.create("audited", scopes=["jobs:read"])
    client.keys.revoke(made.id)
    lines = list(client.audit.list(resource=made.id, after=began, outcome="done", limit=5))
    assert [line.operation for line in lines] == ["revoke_key", "create_key"]
    assert list(client.audit.list(resource=made.id, before=began)) == []
    assert list(client.audit.list(resource=made.id, operation="create_job", actor="key_x", project="x")) == []
