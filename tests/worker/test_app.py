"""The Celery application: doorbells and nothing else."""

import subprocess
import sys

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from models.settings import settings
from worker import service
from worker.app import TRANSPORT_OPTIONS, app, make_app
from worker.tasks import train


def test_the_doorbell_has_a_name_and_no_arguments():
    assert train.name == "trainyard.train"
    with pytest.raises(TypeError):
        train.run("job_1")


def test_celery_carries_json_without_results_remote_control_or_events():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_ignore_result
    assert not app.conf.task_acks_late
    assert not app.conf.worker_enable_remote_control
    assert not app.conf.worker_send_task_events
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_connection_max_retries is None


def test_a_silent_broker_cannot_deafen_a_worker():
    assert app.conf.broker_transport_options == TRANSPORT_OPTIONS
    assert {"socket_timeout", "socket_keepalive", "health_check_interval"} <= TRANSPORT_OPTIONS.keys()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis+socket:///nowhere/broker.sock?virtual_host=0"])
def test_brokers_are_reached_by_tcp_and_by_unix_socket(monkeypatch, url):
    monkeypatch.setenv("TRAINYARD_BROKER_URL", url)
    settings.cache_clear()
    try:
        connection = make_app().connection_for_read()
        assert connection.as_uri(include_password=True).startswith(url.partition("?")[0])
    finally:
        settings.cache_clear()


@pytest.mark.parametrize("slots", [1, 3])
def test_a_thread_hears_doorbells_while_every_slot_trains(monkeypatch, slots):
    monkeypatch.setenv("TRAINYARD_SLOTS", str(slots))
    settings.cache_clear()
    try:
        assert make_app().conf.worker_concurrency == slots + 1
    finally:
        settings.cache_clear()


def test_without_a_worker_a_bell_fails_loudly():
    with pytest.raises(RuntimeError, match="no worker"):
        service.current()
    service.drain_soon()
    service.stop()


def test_the_celery_process_never_imports_torch():
    program = "import sys, worker.tasks; print('torch' in sys.modules, 'worker.training' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("kind", ["application/x-python-serialize", "application/x-yaml", "application/x-msgpack"])
def test_a_forged_message_that_is_no_json_is_refused_unread(kind: str):
    """A pickle that would run a command as soon as it is read."""
    forged = b"cos\nsystem\n(S'touch /tmp/owned'\ntR."
    with pytest.raises(ContentDisallowed):
        loads(forged, kind, "binary", accept=set(app.conf.accept_content))
