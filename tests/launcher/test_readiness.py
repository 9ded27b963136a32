"""The service is ready when a job would be taken and a worker of ours is there to run it."""

import pytest

from launcher.readiness import Door
from launcher.service import listening, url_of
from tests.fixtures.services import RunningService


@pytest.fixture
def door(service: RunningService) -> Door:
    return Door(service.url, service.key)


def test_a_running_service_takes_jobs(door: Door):
    assert door.takes_jobs()


def test_the_workers_of_others_do_not_count(door: Door):
    present = {worker["id"] for worker in door.call("GET", "/v1/workers")["data"]}
    assert not door.takes_jobs(earlier_workers=present)
    assert door.takes_jobs(earlier_workers={"wrk_of_somebody_else"})


def test_a_wrong_key_takes_no_jobs(service: RunningService):
    assert not Door(service.url, "ty_no_no").takes_jobs()


def test_a_service_that_is_not_there_takes_no_jobs():
    with listening("127.0.0.1", 0) as listener:
        url = url_of(listener)
    assert not Door(url, "ty_no_no").takes_jobs()
