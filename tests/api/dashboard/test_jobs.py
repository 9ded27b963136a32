"""The list of jobs."""

from playwright.sync_api import Page, Route, expect

from tests.api.dashboard.conftest import SignIn
from tests.api.dashboard.yard import Yard


def test_an_empty_yard_says_how_to_begin(page: Page, yard: Yard, sign_in: SignIn) -> None:
    sign_in(page, "#/?label=nothing%3Dhere")
    expect(page.get_by_text("No job matches.")).to_be_visible()
    page.route("**/v1/jobs?*", lambda route: route.fulfill(json={"data": [], "next_cursor": None}))
    page.get_by_role("link", name="Show all jobs").click()
    expect(page.get_by_text("The yard is empty.")).to_be_visible()


def test_a_job_shows_status_progress_and_what_it_came_to(page: Page, yard: Yard, sign_in: SignIn) -> None:
    hand = yard.begin(name="seen from the list", labels={"team": "list"})
    hand.progress(fraction=0.43, epoch=3, epochs=7, step=43, steps=100, eta_seconds=9.0)
    sign_in(page, "#/?label=team%3Dlist")
    row = page.get_by_role("row", name="seen from the list")
    expect(row).to_contain_text("Running")
    expect(row.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "43")
    expect(row).to_contain_text("team=list")
    hand.succeed(best={"metric": "validation/accuracy", "value": 0.9778, "step": 40})
    expect(row).to_contain_text("Succeeded", timeout=10_000)
    expect(row).to_contain_text("97.78 %")


def test_a_failed_job_says_why_in_the_list(page: Page, yard: Yard, sign_in: SignIn) -> None:
    yard.begin(name="bound to fail", labels={"team": "fails"}).fail(code="invalid_data", message="row 17")
    sign_in(page, "#/?label=team%3Dfails")
    expect(page.get_by_role("row", name="bound to fail")).to_contain_text("invalid data")


def test_status_and_label_narrow_the_list_and_the_address_remembers_them(
    page: Page, yard: Yard, sign_in: SignIn
) -> None:
    yard.submit(name="waits", labels={"team": "narrow"})
    yard.begin(name="works", labels={"team": "narrow"})
    sign_in(page)
    page.get_by_label("Label").fill("team=narrow")
    page.keyboard.press("Enter")
    expect(page.locator("table.jobs tbody tr")).to_have_count(2)
    page.get_by_label("Status").select_option("Running")
    expect(page.locator("table.jobs tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="works")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Label")).to_have_value("team=narrow")
    expect(page.locator("table.jobs tbody tr")).to_have_count(1)
    page.go_back()
    expect(page.locator("table.jobs tbody tr")).to_have_count(2)


def test_half_a_label_is_explained_and_not_sent(page: Page, yard: Yard, sign_in: SignIn) -> None:
    sign_in(page)
    page.get_by_label("Label").fill("team")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Write a label as key=value.")).to_be_visible()
    assert "label" not in page.url


def test_older_jobs_come_page_by_page(page: Page, yard: Yard, sign_in: SignIn) -> None:
    for number in range(53):
        yard.submit(name=f"many {number}", labels={"team": "many"})
    sign_in(page, "#/?label=team%3Dmany")
    expect(page.locator("table.jobs tbody tr")).to_have_count(50)
    page.get_by_role("button", name="Show older jobs").click()
    expect(page.locator("table.jobs tbody tr")).to_have_count(53)
    expect(page.get_by_role("button", name="Show older jobs")).to_have_count(0)
    names = page.locator("table.jobs tbody tr a").all_inner_texts()
    assert names == [f"many {number}" for number in reversed(range(53))]


def test_an_outage_is_told_and_the_list_stays_and_recovers(forgiving_page: Page, yard: Yard, sign_in: SignIn) -> None:
    yard.begin(name="still here", labels={"team": "outage"})
    sign_in(forgiving_page, "#/?label=team%3Doutage")
    expect(forgiving_page.get_by_role("link", name="still here")).to_be_visible()
    problem = {"type": "about:blank", "title": "Too many", "status": 429, "code": "busy", "detail": "Not now, please."}

    def refuse(route: Route) -> None:
        route.fulfill(status=429, content_type="application/problem+json", json=problem)

    forgiving_page.route("**/v1/jobs?*", refuse)
    expect(forgiving_page.get_by_role("alert")).to_contain_text("Not now, please.", timeout=10_000)
    expect(forgiving_page.get_by_role("link", name="still here")).to_be_visible()
    forgiving_page.unroute("**/v1/jobs?*")
    forgiving_page.get_by_role("button", name="Try again").click()
    expect(forgiving_page.get_by_role("alert")).to_have_count(0)


def test_a_list_at_rest_asks_seldom(page: Page, yard: Yard, sign_in: SignIn) -> None:
    yard.begin(labels={"team": "rest"}).succeed()
    asked: list[str] = []
    page.on("request", lambda request: "/v1/jobs?" in request.url and asked.append(request.url))
    page.clock.install()
    sign_in(page, "#/?label=team%3Drest")
    expect(page.locator("table.jobs tbody tr")).to_have_count(1)
    asked.clear()
    page.clock.run_for(14_000)
    assert len(asked) == 0
    with page.expect_request("**/v1/jobs?*"):
        page.clock.run_for(2_000)
