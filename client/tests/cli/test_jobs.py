"""Submitting, listing, showing, waiting and steering from the command line."""

from __future__ import annotations

import json
import threading

import pytest

from tests.fixtures.waiting import wait_for
from trainyard.cli.session import ExitCode


@pytest.fixture
def spec(tmp_path, pool):
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"data": {"dataset": "digits"}, "network": "mlp", "resources": {"pool": pool}}))
    return path


def test_submit_prints_the_id_alone(run, client, spec):
    ran = run("submit", spec)
    assert ran.code == 0
    assert client.jobs.get(ran.out.strip()).status == "queued"


def test_submit_changes_the_spec_as_told(run, spec):
    settings = [
        "--set",
        'optimizer={"type": "adam"}',
        "--set",
        "optimizer.learning_rate=0.01",
        "--set",
        "network.hidden=[8]",
    ]
    job = run("submit", spec, *settings, "--json").document
    assert job["spec"]["optimizer"] == {"type": "adam", "learning_rate": 0.01}
    assert job["spec"]["network"] == {"type": "mlp", "hidden": [8]}


def test_submit_reads_standard_input_or_needs_no_file_at_all(run, spec, pool):
    assert run("submit", "-", "--json", stdin=spec.read_text()).document["spec"]["network"] == "mlp"
    ran = run("submit", "--set", "data.dataset=iris", "--set", f"resources.pool={pool}", "--json")
    assert ran.document["spec"] == {"data": {"dataset": "iris"}, "resources": {"pool": pool}}


def test_submit_with_a_key_twice_makes_one_job(run, spec, pool):
    first, second = (run("submit", spec, "--idempotency-key", pool).out for _ in range(2))
    assert first == second


def test_a_job_that_no_live_worker_can_run_says_so_when_it_is_submitted(run, client, spec, pool):
    ran = run("submit", spec)
    assert f"No worker of the pool '{pool}' is there" in ran.err
    assert client.jobs.get(ran.out.strip()).record.queue.is_hopeless


def test_a_dry_run_shows_the_resolved_spec_and_stores_nothing(run, client, spec, pool):
    ran = run("submit", spec, "--dry-run", "data")
    assert ran.document["network"]["type"] == "mlp"
    assert list(client.jobs.list(pool=pool)) == []


def test_a_mistake_in_the_spec_is_told_in_one_line_with_its_place(run, spec):
    mistake = ["--set", "optimizer.type=adam", "--set", "optimizer.learning_rate=fast"]
    ran = run("submit", spec, *mistake)
    assert (ran.code, ran.out) == (ExitCode.BAD_INPUT, "")
    assert "#/optimizer/learning_rate" in ran.err
    assert "Traceback" not in ran.err
    problem = json.loads(run("submit", spec, *mistake, "--json").err)
    assert problem["errors"][0]["pointer"] == "#/optimizer/learning_rate"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submit", "no-such-file.json"], "No such file"),
        (["submit", "--set", "nonsense"], "path=value"),
        (["jobs", "--label", "nonsense"], "key=value"),
        (["show", "job_00000000-0000-7000-8000-000000000000"], "There is no job"),
        (["--url", "ftp://host", "jobs"], "No such option"),
        (["jobs", "--url", "ftp://host"], "is not an address"),
    ],
)
def test_bad_input_ends_with_its_own_status(run, arguments, words):
    ran = run(*arguments)
    assert ran.code == ExitCode.BAD_INPUT
    assert words in ran.err


def test_jobs_are_listed_in_a_table_or_as_json(run, submit, pool):
    job = submit(name="first one", labels={"team": "risk"})
    table = run("jobs", "--pool", pool).out
    assert all(word in table for word in (job.id, "first one", "queued", "team=risk"))
    assert [listed["id"] for listed in run("jobs", "--pool", pool, "--json").document] == [job.id]
    assert run("jobs", "--pool", pool, "--status", "failed", "--status", "paused", "--json").document == []
    assert "no jobs" in run("jobs", "--pool", pool, "--label", "team=other").out


def test_show_tells_how_a_job_ended(run, submit, claim):
    job = submit()
    claim().succeed()
    shown = run("show", job.id).out
    assert all(
        word in shown for word in ("succeeded", "this network", "0.97", "majority", "beats the baselines", "9,034")
    )
    assert run("show", job.id, "--json").document["result"]["parameters"] == 9034


@pytest.mark.parametrize("command", ["wait", "follow"])
def test_waiting_ends_with_the_status_of_the_job(run, submit, claim, command):
    good, bad = submit(), submit()
    claim().succeed()
    claim().fail()
    assert run(command, good.id).code == ExitCode.SUCCESS
    ran = run(command, bad.id)
    assert ran.code == ExitCode.JOB_FAILED
    assert "the loss is not finite" in ran.out
    assert run(command, bad.id, "--json").document["status"] == "failed"


def test_wait_gives_up_in_time(run, submit):
    ran = run("wait", submit().id, "--timeout", "0.1")
    assert ran.code == ExitCode.TIMEOUT
    assert "still queued" in ran.err


def test_submit_and_follow_prints_lines_where_there_is_no_terminal(run, api, client, claim, spec, pool):
    def train():
        (job,) = wait_for(lambda: list(client.jobs.list(pool=pool)), "the job")
        wait_for(lambda: api.is_watched(job.id), "the command to follow it")
        trainer = claim()
        trainer.progress(0.5, epoch=1, epochs=2, step=4, steps=8)
        trainer.metric("train/loss", [4], [0.5])
        trainer.succeed()

    worker = threading.Thread(target=train)
    worker.start()
    ran = run("submit", spec, "--follow")
    worker.join()
    assert ran.code == ExitCode.SUCCESS
    assert "running" in ran.out
    assert "beats the baselines" in ran.out


def test_a_job_is_steered_by_a_command_per_verb(run, submit, claim):
    job = submit()
    assert "paused" in run("pause", job.id).out
    assert run("resume", job.id, "--json").document["status"] == "queued"
    claim()
    assert run("stop", job.id).code == 0
    assert "cancelling" in run("cancel", job.id).out
    other = submit().cancel()
    assert "queued" in run("retry", other.id, "--from-scratch").out
    other.refresh().cancel()
    ran = run("pause", other.id)
    assert ran.code == ExitCode.BAD_INPUT
    assert "cancelled" in ran.err
