"""One job, live."""

import hashlib
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.dashboard.conftest import SignIn
from tests.api.dashboard.yard import Hand, Yard

RESULT = {
    "best": {"metric": "validation/loss", "value": 0.07, "step": 90},
    "metrics": {"validation/loss": 0.07},
    "test": {"accuracy": 0.9778, "loss": 0.08},
    "baselines": [{"name": "majority", "test": {"accuracy": 0.1}}, {"name": "linear", "test": {"accuracy": 0.95}}],
    "beats_baselines": True,
    "parameters": 9034,
    "samples_per_second": 51000.0,
    "phase_seconds": {"training": 3.1},
    "data_report": {"rows": 150, "splits": {"train": 105}},
    "per_class": [{"label": "setosa", "precision": 1.0, "recall": 0.9, "support": 7}],
    "weights_sha256": "0" * 64,
}


@pytest.fixture
def hand(yard: Yard) -> Hand:
    hand = yard.begin(name="watched")
    hand.points("train/loss", [2.0, 1.5, 1.0])
    hand.points("train/accuracy", [0.1, 0.3, 0.5])
    hand.points("train/learning_rate", [0.001] * 3)
    hand.points("validation/loss", [1.2], first_step=3)
    hand.log("first line\n")
    return hand


@pytest.fixture
def watched(page: Page, hand: Hand, sign_in: SignIn) -> Page:
    sign_in(page, f"#/jobs/{hand.job_id}")
    expect(page.get_by_role("heading", name="watched")).to_be_visible()
    return page


def chart(page: Page, title: str):
    return page.locator("figure", has=page.get_by_role("heading", name=title, exact=True))


def test_stored_points_are_drawn_and_live_ones_follow_without_a_reload(watched: Page, hand: Hand) -> None:
    loss = chart(watched, "Loss")
    expect(loss.locator("canvas")).to_be_visible()
    expect(loss).to_contain_text("train 1validation 1.2")
    hand.points("train/loss", [0.5, 0.25], first_step=4)
    expect(loss).to_contain_text("train 0.25")
    expect(loss.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"train/loss 0\.25 at step 5"))
    hand.points("validation/accuracy", [0.875], first_step=5)
    expect(chart(watched, "Accuracy")).to_contain_text("validation 87.5 %")


def test_the_curve_is_really_painted_in_the_accent_colour(watched: Page) -> None:
    count = """(canvas) => {
        const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
        const [r, g, b] = [1, 3, 5].map((i) => parseInt(accent.slice(i, i + 2), 16));
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let found = 0;
        for (let i = 0; i < data.length; i += 4) found += data[i] === r && data[i + 1] === g && data[i + 2] === b;
        return found;
    }"""
    canvas = chart(watched, "Loss").locator("canvas")
    expect(chart(watched, "Loss")).to_contain_text("validation 1.2")
    watched.wait_for_function(f"() => ({count})(document.querySelector('figure canvas')) > 100")
    assert canvas.count() == 1


def test_a_spike_between_drawn_points_stays_visible(page: Page, yard: Yard, sign_in: SignIn) -> None:
    hand = yard.begin()
    values = [0.5] * 5000
    values[2500] = 40.0
    hand.points("train/loss", values)
    sign_in(page, f"#/jobs/{hand.job_id}")
    expect(chart(page, "Loss")).to_contain_text("train 0.5")
    highest = page.evaluate(
        """async (id) => {
            const key = sessionStorage.getItem("trainyard.key");
            const { Api } = await import("/assets/js/http.js");
            const { MetricStore } = await import("/assets/js/metric-store.js");
            const { plotData } = await import("/assets/js/plot.js");
            const store = new MetricStore(new Api(key), id);
            await store.load("train/loss");
            const drawn = plotData([{ name: "train/loss", role: "train", series: store.get("train/loss") }], false);
            return [drawn[0].length, Math.max(...drawn[2])];
        }""",
        hand.job_id,
    )
    assert highest == [1000, 40.0]


def test_the_log_scale_is_a_switch(watched: Page) -> None:
    switch = chart(watched, "Loss").get_by_role("button", name="Log scale")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(chart(watched, "Loss").locator("canvas")).to_be_visible()


def test_a_resumed_attempt_replaces_the_points_behind_its_checkpoint(
    forgiving_page: Page, hand: Hand, sign_in: SignIn
) -> None:
    # Forgiving: a series may be cut away between the moment its name is read and its points are.
    sign_in(forgiving_page, f"#/jobs/{hand.job_id}")
    loss = chart(forgiving_page, "Loss")
    expect(loss).to_contain_text("train 1validation 1.2")
    hand.resumed(step=1)
    hand.points("train/loss", [1.75], first_step=2)
    expect(loss).to_contain_text("train 1.75")
    expect(loss.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"train/loss 1\.75 at step 2"))
    expect(forgiving_page.locator(".timeline")).to_contain_text("Resumed")


def test_loss_that_is_not_a_number_is_said_in_words(watched: Page, hand: Hand) -> None:
    hand.points("train/loss", [float("nan"), float("inf")], first_step=4)
    expect(chart(watched, "Loss")).to_contain_text("train/loss is not a number from step 4 on.")


def test_progress_and_phase_follow_the_worker(watched: Page, hand: Hand) -> None:
    hand.phase("training")
    hand.progress(fraction=0.5, epoch=5, epochs=10, step=1234, steps=2468, eta_seconds=12.0)
    expect(watched.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "50")
    expect(watched.locator(".progress")).to_contain_text("1,234 of 2,468")
    expect(watched.locator(".progress")).to_contain_text("12 s")
    expect(watched.locator(".standing")).to_contain_text("training")


def test_the_log_follows_until_the_reader_scrolls_up(watched: Page, hand: Hand) -> None:
    log = watched.locator("pre.log")
    expect(log).to_contain_text("first line")
    hand.log("".join(f"line {number}\n" for number in range(300)))
    expect(log).to_contain_text("line 299")
    distance = "({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight"
    watched.wait_for_function(f"() => ({distance})(document.querySelector('pre.log')) < 24")
    log.evaluate("(element) => (element.scrollTop = 0)")
    follow = watched.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "false")
    hand.log("the newest line\n")
    expect(log).to_contain_text("the newest line")
    assert log.evaluate("(element) => element.scrollTop") == 0
    assert log.inner_text().count("line 7\n") == 1


def test_the_whole_log_can_be_downloaded(watched: Page, hand: Hand) -> None:
    hand.log("".join(f"{number} {'x' * 100}\n" for number in range(20_000)))
    with watched.expect_download() as waiting:
        watched.get_by_role("button", name="Download").click()
    text = Path(waiting.value.path()).read_text()
    assert text.startswith("first line\n0 x")
    assert text.endswith(f"19999 {'x' * 100}\n")


def test_a_checkpoint_downloads_with_its_digest_verified(watched: Page, hand: Hand) -> None:
    content = os.urandom(50_000)
    hand.checkpoint(content, step=3, scores={"validation/loss": 1.2})
    expect(watched.locator(".checkpoints")).to_contain_text("best")
    with watched.expect_download() as waiting:
        watched.get_by_role("button", name="weights.safetensors").click()
    assert waiting.value.suggested_filename == "step-3-weights.safetensors"
    assert hashlib.sha256(Path(waiting.value.path()).read_bytes()).digest() == hashlib.sha256(content).digest()
    expect(watched.locator(".checkpoints")).to_contain_text("digest verified")


def test_a_file_that_does_not_match_its_digest_is_not_saved(watched: Page, hand: Hand) -> None:
    hand.checkpoint(b"as it was trained", step=3, scores={})
    watched.route("**/files/weights.safetensors", lambda route: route.fulfill(body=b"something else"))
    watched.get_by_role("button", name="weights.safetensors").click()
    expect(watched.locator(".checkpoints")).to_contain_text("The digest does not match; nothing was saved.")


def test_a_result_appears_when_the_job_succeeds(watched: Page, hand: Hand) -> None:
    hand.succeed(**RESULT)
    result = watched.get_by_role("region", name="Result")
    expect(result).to_contain_text("97.78 %")
    expect(result).to_contain_text("The network beats every simple method.")
    expect(result.get_by_role("listitem").first).to_contain_text(re.compile(r"This network\s*97\.78 %"))
    expect(result.get_by_role("listitem").nth(1)).to_contain_text(re.compile(r"Linear\s*95\.0 %"))
    result.get_by_text("Per class").click()
    expect(result.get_by_role("row", name="setosa")).to_contain_text("90.0 %")
    expect(watched.locator(".standing")).to_contain_text("Succeeded")
    expect(watched.get_by_role("group", name="Control this job").get_by_role("button")).to_have_count(0)


def test_a_failure_is_told_with_its_reason(watched: Page, hand: Hand) -> None:
    hand.fail(code="diverged", message="The loss is not finite at step 4.")
    expect(watched.locator(".job-head")).to_contain_text("The loss is not finite at step 4.")
    expect(watched.get_by_role("button", name="Retry")).to_be_visible()


def test_history_attempts_and_warnings_are_shown(watched: Page, hand: Hand) -> None:
    hand.warn("The validation split is small.")
    expect(watched.get_by_role("region", name="Warnings")).to_contain_text("The validation split is small.")
    history = watched.get_by_role("region", name="History")
    expect(history).to_contain_text(re.compile(r"Warning.*Running.*on yard-1 · cpu.*Queued", re.DOTALL))
    expect(watched.get_by_role("region", name="Attempts")).to_contain_text("yard-1 · cpu")


def test_what_the_diagnosis_finds_appears_with_its_advice(watched: Page, hand: Hand) -> None:
    suggestion = {"message": "Skip layers.", "patch": {"network": {"type": "mlp", "skip": True}}}
    hand.find("vanishing_gradient", message="Nothing arrives at the first layer.", suggestion=suggestion)
    diagnosis = watched.get_by_role("region", name="Diagnosis")
    expect(diagnosis).to_contain_text(
        re.compile(r"Vanishing gradient.*step 3.*Nothing arrives.*Skip layers", re.DOTALL)
    )
    diagnosis.get_by_text("Patch to fork with").click()
    expect(diagnosis).to_contain_text('"skip": true')


def test_the_spec_is_shown_as_sent_and_with_its_defaults_receding(watched: Page) -> None:
    spec = watched.get_by_role("region", name="Spec")
    expect(spec).to_contain_text('"dataset": "iris"')
    expect(spec).not_to_contain_text('"optimizer"')
    spec.get_by_role("button", name="With every default").click()
    expect(spec).to_contain_text('"optimizer"')
    expect(spec.locator(".text:not(.default)", has_text="iris")).to_have_count(1)
    assert spec.locator(".default").count() > 10


def test_cancelling_is_asked_twice(watched: Page, hand: Hand, yard: Yard) -> None:
    controls = watched.get_by_role("group", name="Control this job")
    controls.get_by_role("button", name="Cancel").click()
    dialog = watched.get_by_role("dialog", name="Cancel this job?")
    expect(dialog).to_be_visible()
    watched.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert yard.call("GET", f"/v1/jobs/{hand.job_id}").json()["status"] == "running"
    controls.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel job").click()
    expect(watched.locator(".standing")).to_contain_text("Cancelling")


def test_a_queued_job_pauses_resumes_is_cancelled_and_retried(page: Page, yard: Yard, sign_in: SignIn) -> None:
    sign_in(page, f"#/jobs/{yard.submit(name='steered')}")
    standing = page.locator(".standing")
    expect(standing).to_contain_text("no worker is running for this pool")
    page.get_by_role("button", name="Pause").click()
    expect(standing).to_contain_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(standing).to_contain_text("Queued")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel job").click()
    expect(standing).to_contain_text("Cancelled")
    page.get_by_role("button", name="Retry").click()
    expect(standing).to_contain_text("Queued")


def test_finishing_early_is_asked_once_and_said(watched: Page, hand: Hand) -> None:
    hand.phase("training")
    watched.get_by_role("button", name="Finish now").click()
    watched.get_by_role("dialog").get_by_role("button", name="Finish now").click()
    expect(watched.locator(".standing")).to_contain_text("finishing early")
    expect(watched.get_by_role("button", name="Finish now")).to_have_count(0)


def test_a_cut_stream_is_taken_up_again_without_a_gap(
    forgiving_page: Page, yard: Yard, hand: Hand, sign_in: SignIn
) -> None:
    sign_in(forgiving_page, f"#/jobs/{hand.job_id}")
    expect(chart(forgiving_page, "Loss")).to_contain_text("train 1validation 1.2")
    yard.cut()
    expect(forgiving_page.locator(".standing")).to_contain_text("Connection lost, trying again")
    hand.points("train/loss", [0.75], first_step=4)
    hand.log("written in between\n")
    expect(chart(forgiving_page, "Loss")).to_contain_text("train 0.75")
    expect(forgiving_page.locator("pre.log")).to_have_text("first line\nwritten in between\n")
    hand.points("train/loss", [0.625], first_step=5)
    hand.log("and after\n")
    expect(chart(forgiving_page, "Loss")).to_contain_text("train 0.625")
    expect(forgiving_page.locator("pre.log")).to_have_text("first line\nwritten in between\nand after\n")


def test_a_job_that_is_not_there_is_told(forgiving_page: Page, sign_in: SignIn) -> None:
    sign_in(forgiving_page, "#/jobs/job_00000000-0000-7000-8000-000000000000")
    expect(forgiving_page.get_by_role("alert")).to_contain_text("There is no job")
    expect(forgiving_page.get_by_role("link", name="All jobs", exact=True)).to_be_visible()


def test_markup_in_names_labels_logs_warnings_and_errors_is_only_text(page: Page, yard: Yard, sign_in: SignIn) -> None:
    attack = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'
    hand = yard.begin(name=attack, labels={"team": "attack", "evil": attack})
    hand.log(f"{attack}\n")
    hand.warn(attack)
    sign_in(page, "#/?label=team%3Dattack")
    expect(page.get_by_role("link", name=attack)).to_be_visible()
    page.get_by_role("link", name=attack).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(attack)
    expect(page.locator("pre.log")).to_have_text(attack)
    hand.fail(code="invalid_data", message=attack)
    expect(page.locator(".job-head .notice")).to_contain_text(attack)
    assert page.evaluate("window.attacked") is None
    assert page.locator("#app img, #app script").count() == 0
