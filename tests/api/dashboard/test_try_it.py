"""A row typed into the page goes to the network, and what it says stands below."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, expect

from models import jobs, predictions, workers
from tests.api.dashboard.conftest import SignIn
from tests.api.dashboard.test_job import RESULT
from tests.api.dashboard.yard import Hand, Yard

ANSWER = {
    "predictions": [{"label": "setosa", "probabilities": {"virginica": 0.02, "setosa": 0.97, "versicolor": 0.01}}],
    "missing": {"petal_width": 1},
    "unseen": {},
    "ignored": {},
}


@contextmanager
def answering(hand: Hand, answer: Callable[[dict[str, Any]], Any]) -> Iterator[list[dict[str, Any]]]:
    """A worker that answers every question by a function; the questions it has heard."""
    done, heard = threading.Event(), []
    with hand.database.unit_of_work() as connection:
        pool = jobs.pool_of(connection, project="default", job_id=hand.job_id)
        workers.register(
            connection, worker_id=f"wrk_{pool}", node=pool, name="w", pool=pool, slots=1, devices=[], versions={}
        )

    def work() -> None:
        while not done.wait(0.01):
            with hand.database.unit_of_work() as connection:
                for question in predictions.claim(connection, pool=pool, worker_id="wrk_1"):
                    heard.append(json.loads(question.text))
                    predictions.answer(connection, question_id=question.id, document=answer(heard[-1]))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield heard
    finally:
        done.set()
        thread.join()


def trained(yard: Yard, **spec: Any) -> Hand:
    hand = yard.begin(name="trained", **spec)
    hand.checkpoint(b"weights", step=90, scores={})
    hand.succeed(**RESULT)
    return hand


def test_a_row_is_asked_and_its_class_stands_with_what_was_filled_in(yard: Yard, page: Page, sign_in: SignIn) -> None:
    hand = trained(yard)
    sign_in(page, f"#/jobs/{hand.job_id}")
    with answering(hand, lambda _: ANSWER) as heard:
        page.get_by_label("sepal_length").fill("5.1")
        page.get_by_label("petal_length").fill("1,4")
        page.get_by_role("button", name="Predict").click()
        said = page.get_by_role("status").filter(has_text="setosa")
        expect(said).to_contain_text("setosa by step 90")
        expect(said).to_contain_text("Filled in as in training: petal_width.")
    assert [term.inner_text() for term in said.locator("dt").all()] == ["setosa", "virginica", "versicolor"]
    expect(said.locator("dd").first).to_have_text("97.0 %")
    assert heard == [{"rows": [{"sepal_length": "5.1", "petal_length": "1,4"}], "num_probabilities": 5}]


def test_a_mistake_is_told_and_the_row_stays(yard: Yard, forgiving_page: Page, sign_in: SignIn) -> None:
    page, hand = forgiving_page, trained(yard)
    sign_in(page, f"#/jobs/{hand.job_id}")
    error = {"pointer": "#/rows/0/sepal_width", "detail": "'wide' is no number"}
    told = {
        "status": 422,
        "code": "invalid_rows",
        "detail": "#/rows/0/sepal_width: 'wide' is no number.",
        "errors": [error],
    }
    with answering(hand, lambda _: {"problem": told}):
        page.get_by_label("sepal_width").fill("wide")
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_role("alert")).to_contain_text("'wide' is no number")
    expect(page.get_by_label("sepal_width")).to_have_value("wide")


def test_an_image_is_sent_as_its_file(yard: Yard, page: Page, sign_in: SignIn) -> None:
    hand = trained(yard, data={"dataset": "digits"})
    sign_in(page, f"#/jobs/{hand.job_id}")
    with answering(hand, lambda _: ANSWER) as heard:
        file = {"name": "three.png", "mimeType": "image/png", "buffer": b"\x89PNG three"}
        page.get_by_label("image").set_input_files(files=[file])
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_text("setosa by step 90")).to_be_visible()
    assert heard[0]["rows"] == [{"image": f"data:image/png;base64,{base64.b64encode(file['buffer']).decode()}"}]


def test_a_job_that_has_not_succeeded_offers_nothing_to_try(yard: Yard, page: Page, sign_in: SignIn) -> None:
    sign_in(page, f"#/jobs/{yard.begin(name='running').job_id}")
    expect(page.get_by_role("heading", name="running")).to_be_visible()
    expect(page.get_by_role("heading", name="Try it")).to_have_count(0)
