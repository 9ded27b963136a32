"""Nudges over real brokers: heard, and heard again after the broker has hung up."""

import queue

import pytest
import redis

from tests.fixtures.waiting import wait_for
from worker.nudges import CHANNEL, RING_CHANNEL, Nudges, redis_url


@pytest.mark.parametrize(
    ("broker", "url"),
    [
        ("redis://:secret@host:6379/1", "redis://:secret@host:6379/1"),
        ("rediss://host/0", "rediss://host/0"),
        ("redis+socket:///data/broker.sock?virtual_host=3", "unix:///data/broker.sock?db=3"),
        ("redis+socket:///data/broker.sock", "unix:///data/broker.sock?db=0"),
        ("amqp://host", ""),
    ],
)
def test_the_brokers_url_is_put_into_the_words_of_redis(broker, url):
    assert redis_url(broker) == url


def test_nudges_are_heard_also_after_the_broker_has_hung_up(broker_url):
    heard: queue.Queue[str] = queue.Queue()
    nudges = listening(broker_url, on_nudge=heard.put)
    with redis.Redis.from_url(broker_url) as broker:
        wait_for(lambda: broker.publish(CHANNEL, "job_1"), "a listener")
        assert heard.get(timeout=10) == "job_1"
        broker.client_kill_filter(_type="pubsub")
        wait_for(lambda: broker.publish(CHANNEL, "job_2"), "the listener to come back")
        assert heard.get(timeout=10) == "job_2"
    nudges.close()


def test_a_nudge_that_is_no_text_does_not_make_the_listener_deaf(broker_url, caplog):
    heard: queue.Queue[str] = queue.Queue()
    nudges = listening(broker_url, on_nudge=heard.put)
    with redis.Redis.from_url(broker_url) as broker:
        wait_for(lambda: broker.publish(CHANNEL, b"\xff\xfe"), "a listener")
        wait_for(lambda: broker.publish(CHANNEL, "job_1") and not heard.empty(), "the listener to come back")
    assert heard.get() == "job_1"
    assert "listening again" in caplog.text
    nudges.close()


def test_without_redis_nobody_listens():
    nudges = listening("amqp://host")
    assert not nudges._thread.is_alive()
    nudges.pass_on()


def test_a_doorbell_that_is_passed_on_is_heard_by_the_workers_of_its_pool_alone(broker_url):
    heard: queue.Queue[str] = queue.Queue()
    workers = [
        listening(broker_url, pool="gpu", on_ring=lambda: heard.put("gpu 1")),
        listening(broker_url, pool="gpu", on_ring=lambda: heard.put("gpu 2")),
        listening(broker_url, on_ring=lambda: heard.put("default")),
    ]
    with redis.Redis.from_url(broker_url) as broker:
        wait_for(lambda: broker.publish(RING_CHANNEL, "nobody") == 3, "three listeners")
    workers[0].pass_on()
    assert {heard.get(timeout=10), heard.get(timeout=10)} == {"gpu 1", "gpu 2"}
    workers[2].pass_on()
    assert heard.get(timeout=10) == "default"
    for worker in workers:
        worker.close()


def test_a_doorbell_cannot_be_passed_on_without_a_broker_and_nothing_breaks():
    Nudges("redis://127.0.0.1:1/0", pool="default", on_nudge=print, on_ring=print).pass_on()
    with pytest.raises(redis.ConnectionError), redis.Redis(port=1) as broker:
        broker.ping()


def listening(broker_url: str, *, pool: str = "default", on_nudge=lambda _: None, on_ring=lambda: None) -> Nudges:
    nudges = Nudges(broker_url, pool=pool, on_nudge=on_nudge, on_ring=on_ring)
    nudges.start()
    return nudges
