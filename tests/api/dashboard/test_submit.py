"""Writing and submitting a spec."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.api.dashboard.conftest import SignIn
from tests.api.dashboard.yard import Yard


@pytest.fixture
def desk(forgiving_page: Page, sign_in: SignIn) -> Page:
    sign_in(forgiving_page, "#/submit")
    expect(forgiving_page.get_by_role("heading", name="New job")).to_be_visible()
    return forgiving_page


def test_the_first_example_is_ready_to_submit_and_becomes_a_job(desk: Page, yard: Yard) -> None:
    expect(desk.get_by_role("heading", name="Ready to submit")).to_be_visible()
    expect(desk.locator("#report")).to_contain_text('"optimizer"')
    desk.get_by_role("button", name="Submit").click()
    expect(desk.get_by_role("heading", name="digits")).to_be_visible()
    job = yard.call("GET", f"/v1/jobs/{desk.url.rsplit('/', 1)[-1]}").json()
    assert (job["name"], job["status"]) == ("digits", "queued")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_example_is_a_spec_that_the_service_accepts(desk: Page, number: int) -> None:
    expect(desk.get_by_role("heading", name="Ready to submit")).to_be_visible()
    with desk.expect_response("**/v1/jobs?dry_run=schema") as waiting:
        desk.get_by_label("Start from an example").select_option(index=number)
        desk.get_by_label("Spec").press("End")
        desk.get_by_label("Spec").type(" ")
    assert waiting.value.status == 200


def test_each_mistake_is_shown_with_its_pointer_and_leads_to_its_place(desk: Page) -> None:
    spec = '{\n  "data": {"dataset": "digits"},\n  "netwrok": "mlp",\n  "training": {"epochs": "ten"}\n}'
    desk.get_by_label("Spec").fill(spec)
    expect(desk.get_by_role("heading", name="2 mistakes")).to_be_visible()
    report = desk.locator("#report")
    expect(report).to_contain_text("#/netwrok")
    expect(report.get_by_role("listitem").filter(has_text="#/training/epochs")).to_contain_text("line 4")
    expect(desk.get_by_role("button", name="Submit")).to_be_disabled()
    report.get_by_role("button", name="#/training/epochs").click()
    box = desk.get_by_label("Spec")
    expect(box).to_be_focused()
    assert box.evaluate("(e) => e.value.slice(e.selectionStart, e.selectionEnd)") == '"epochs": "ten"'


def test_text_that_is_not_json_is_told_without_asking_the_service(desk: Page) -> None:
    expect(desk.get_by_role("heading", name="Ready to submit")).to_be_visible()
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url))
    desk.get_by_label("Spec").fill('{"data": ')
    expect(desk.locator("#report")).to_contain_text("This is not JSON yet")
    assert asked == []


def test_pressing_submit_again_after_a_lost_answer_submits_once(desk: Page, yard: Yard) -> None:
    spec = {"name": "once", "data": {"dataset": "iris"}, "labels": {"team": "once"}}
    desk.get_by_label("Spec").fill(json.dumps(spec))
    expect(desk.get_by_role("heading", name="Ready to submit")).to_be_visible()

    def lose_the_answer(route):
        route.fetch()
        route.fulfill(status=429, content_type="application/problem+json", json={"status": 429, "detail": "Lost."})

    desk.route("**/v1/jobs", lose_the_answer, times=1)
    desk.get_by_role("button", name="Submit").click()
    expect(desk.get_by_role("alert")).to_contain_text("Lost.")
    desk.get_by_role("button", name="Submit").click()
    expect(desk.get_by_role("heading", name="once")).to_be_visible()
    assert len(yard.call("GET", "/v1/jobs?label.team=once").json()["data"]) == 1
