"""Webhooks from the command line."""

from __future__ import annotations

URL = "https://hooks.invalid/training"


def test_the_commands_do_the_same(run):
    made = run("webhooks", "create", URL, "--event", "job.failed", "--json").document
    assert made["secret"].startswith("whsec_")
    assert made["id"] in run("webhooks", "list").out
    event = run("webhooks", "test", made["id"], "--json").document["id"]
    assert event in run("webhooks", "deliveries", made["id"]).out
    assert run("webhooks", "enable", made["id"], "--json").document["enabled"] is True
    assert run("webhooks", "rotate", made["id"]).out.startswith("whsec_")
    assert "deleted" in run("webhooks", "delete", made["id"]).out
    assert run("webhooks", "list", "--json").documents == [[]]
