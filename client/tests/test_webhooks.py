"""Webhooks through the client and the command line."""

from __future__ import annotations

import pytest

from trainyard import Client, Conflict, NotFound, Unprocessable

URL = "https://hooks.invalid/training"


def test_an_endpoint_is_made_read_changed_and_deleted(client: Client):
    made = client.webhooks.create(URL, events=["job.failed"], description="ours")
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    read = client.webhooks.get(made.id)
    assert (read.url, read.events, read.description, read.secret) == (URL, ("job.failed",), "ours", None)
    assert client.webhooks.update(made.id, enabled=False).disabled_reason == "asked"
    assert client.webhooks.rotate(made.id).secret != made.secret
    assert made.id in [webhook.id for webhook in client.webhooks.list()]
    client.webhooks.delete(made.id)
    with pytest.raises(NotFound):
        client.webhooks.get(made.id)


def test_a_private_address_is_refused_by_its_field(client: Client):
    with pytest.raises(Unprocessable) as caught:
        client.webhooks.create("https://127.0.0.1/")
    assert [error.pointer for error in caught.value.errors] == ["#/url"]


def test_a_test_event_is_among_the_deliveries(client: Client):
    made = client.webhooks.create(URL)
    sent = client.webhooks.test(made.id)
    assert sent.id in [delivery.id for delivery in client.webhooks.deliveries(made.id)]
    with pytest.raises(Conflict):
        client.webhooks.redeliver(made.id, sent.id)
    client.webhooks.delete(made.id)
