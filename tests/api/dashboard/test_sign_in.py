"""Signing in and out."""

from playwright.sync_api import Page, expect

from tests.api.dashboard.yard import Yard


def enter(page: Page, yard: Yard, key: str) -> None:
    page.goto(yard.url)
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_a_valid_key_opens_the_list_of_jobs_and_stays_in_this_tab_only(page: Page, yard: Yard) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(yard.url)
    page.get_by_label("Key").fill(f"  {yard.key} ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    assert page.evaluate("[...Object.values(sessionStorage)]") == [yard.key]
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    assert [address for address in [page.url, *addresses] if yard.key in address] == []


def test_a_reload_stays_signed_in_and_signing_out_forgets_the_key(page: Page, yard: Yard) -> None:
    enter(page, yard, yard.key)
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_wrong_key_is_refused_with_a_sentence(forgiving_page: Page, yard: Yard) -> None:
    enter(forgiving_page, yard, yard.key[:-1] + ("a" if yard.key[-1] != "a" else "b"))
    expect(forgiving_page.get_by_role("alert")).to_contain_text("This key is not valid")
    assert forgiving_page.evaluate("sessionStorage.length") == 0


def test_a_key_that_cannot_be_one_is_refused_without_a_request(page: Page, yard: Yard) -> None:
    enter(page, yard, "schlüssel")
    expect(page.get_by_role("alert")).to_contain_text("only letters, digits and underscores")


def test_a_key_without_the_scope_is_told_which_one_it_lacks(forgiving_page: Page, yard: Yard) -> None:
    enter(forgiving_page, yard, yard.new_key("datasets:read"))
    expect(forgiving_page.get_by_role("alert")).to_contain_text("jobs:read")


def test_a_key_that_is_revoked_meanwhile_leads_back_to_the_sign_in(forgiving_page: Page, yard: Yard) -> None:
    answer = yard.call("POST", "/v1/keys", json={"name": "short lived", "scopes": ["jobs:read"]})
    assert answer.status_code == 201, answer.text
    enter(forgiving_page, yard, answer.json()["key"])
    expect(forgiving_page.get_by_role("heading", name="Jobs")).to_be_visible()
    assert yard.call("DELETE", f"/v1/keys/{answer.json()['id']}").status_code < 300
    alert = forgiving_page.get_by_role("alert")
    expect(alert).to_contain_text("no longer accepts this key", timeout=30_000)  # at the list's next poll
