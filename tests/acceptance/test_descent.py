"""A job that is run again comes out the same to the bit, and one that begins with its weights begins where it ended."""

from tests.fixtures.services import RunningService

SPEC = {
    "data": {"dataset": "iris"},
    "network": {"type": "mlp", "hidden": [16], "dropout": 0.1},
    "training": {"epochs": 8},
    "evaluation": {"baselines": False},
}


def test_a_reproduction_has_equal_weights_and_losses(service: RunningService):
    first = service.train(SPEC)
    answer = service.call("POST", f"/v1/jobs/{first['id']}/reproduce")
    assert answer.status_code == 201, answer.text
    again = service.wait(answer.json()["id"])
    assert again["reproduction"] == {"of": first["id"], "weights_equal": True, "metrics_equal": True}
    compared = service.call("GET", f"/v1/jobs/compare?ids={first['id']},{again['id']}").json()
    assert compared["weights_equal"] is True
    assert compared["differences"] == []
    assert compared["losses"][0]["first_step"] is None
    assert compared["losses"][0]["compared_steps"] == first["result"]["steps"]


def test_another_seed_parts_at_the_first_step(service: RunningService):
    first = service.train(SPEC)
    fork = service.call("POST", f"/v1/jobs/{first['id']}/fork", body={"patch": {"seed": 7}})
    other = service.wait(fork.json()["id"])
    compared = service.call("GET", f"/v1/jobs/compare?ids={first['id']},{other['id']}").json()
    assert compared["weights_equal"] is False
    assert [difference["pointer"] for difference in compared["differences"]] == ["#/seed"]
    assert compared["losses"][0]["first_step"] == 1


def test_a_fork_from_a_checkpoint_begins_with_its_weights(service: RunningService):
    first = service.train({**SPEC, "training": {"epochs": 40}})
    still = {"optimizer": {"type": "sgd", "learning_rate": 1e-12, "momentum": 0.0}, "training": {"epochs": 1}}
    fork = service.call("POST", f"/v1/jobs/{first['id']}/fork", body={"patch": still, "from_checkpoint": "final"})
    assert fork.status_code == 201, fork.text
    child = service.wait(fork.json()["id"])
    assert child["status"] == "succeeded", child["reason"]
    assert child["result"]["test"]["accuracy"] == first["result"]["test"]["accuracy"]
    assert abs(child["result"]["test"]["loss"] - first["result"]["test"]["loss"]) < 0.05


def test_a_fork_whose_weights_do_not_fit_fails_by_name(service: RunningService):
    first = service.train(SPEC)
    body = {"patch": {"network": {"hidden": [17]}}, "from_checkpoint": "best"}
    child = service.wait(service.call("POST", f"/v1/jobs/{first['id']}/fork", body=body).json()["id"])
    assert (child["status"], child["reason"]["code"]) == ("failed", "init_mismatch")
    assert child["reason"]["param"] == "#/init_from"
