"""The modules that draw nothing, called in the browser as the page calls them."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.api.dashboard.yard import Yard

CALL = """async ([module, name, given]) => {
    const found = await import(`/assets/js/${module}.js`);
    return found[name](...given);
}"""


@pytest.fixture(scope="module")
def shared_page(browser: Browser, yard: Yard) -> Iterator[Page]:
    """One page for all: the modules called here keep nothing between calls."""
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(yard.url)
    yield opened
    context.close()


@pytest.fixture
def call(shared_page: Page) -> Any:
    """A function that calls `name` of a module with JSON arguments and returns its JSON answer."""
    return lambda module, name, *given: shared_page.evaluate(CALL, [module, name, list(given)])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.1235"),
        (1234, "1,234"),
        (51234.567, "51,235"),
        (0.00001234, "1.23e\u22125"),
        (-0.5, "\u22120.5"),
        ("NaN", "NaN"),
        ("Infinity", "∞"),
        ("-Infinity", "\u2212∞"),
        (None, "\u2013"),
    ],
)
def test_numbers_are_read_by_people(call: Any, value: Any, text: str) -> None:
    assert call("format", "number", value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.05, "50 ms"),
        (3.14, "3.1 s"),
        (59.6, "1 min 00 s"),
        (73, "1 min 13 s"),
        (7500, "2 h 05 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations_show_their_two_largest_units(call: Any, seconds: float, text: str) -> None:
    assert call("format", "duration", seconds) == text


def test_what_a_metric_is_called_says_how_it_is_read(call: Any) -> None:
    assert call("format", "metric", "validation/accuracy", 0.9778) == "97.78 %"
    assert call("format", "metric", "train/loss", 0.9778) == "0.9778"
    assert call("format", "lowerIsBetter", "validation/rmse") is True
    assert call("format", "lowerIsBetter", "accuracy") is False


def test_bytes_are_told_in_decimal_units(call: Any) -> None:
    assert [call("format", "bytes", count) for count in (812, 1500, 112_000, 2_500_000_000)] == [
        "812 B",
        "1.5 kB",
        "112 kB",
        "2.5 GB",
    ]


FRAMES = """async (pieces) => {
    const { FrameParser } = await import("/assets/js/sse.js");
    const parser = new FrameParser();
    return pieces.flatMap((piece) => parser.push(piece));
}"""


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_event_frames_survive_being_cut_anywhere(shared_page: Page, cut: int) -> None:
    stream = ": hello\r\nretry: 3000\r\n\r\n"
    stream += 'id: 7\nevent: job.running\ndata: {"a":\ndata: 1}\n\n'
    stream += ":ping\n\ndata: é\n\ndata: half"
    frames = shared_page.evaluate(FRAMES, [stream[:cut], stream[cut:]])
    assert frames == [
        {"event": "message", "data": "", "id": None, "retry": 3000},
        {"event": "job.running", "data": '{"a":\n1}', "id": "7", "retry": None},
        {"event": "message", "data": "é", "id": None, "retry": None},
    ]


def series(steps: list[int], values: list[float] | None = None) -> dict[str, Any]:
    values = values or [float(step) for step in steps]
    return {"step": steps, "value": values, "min": values, "max": values, "count": [1] * len(steps)}


def test_new_points_are_put_behind_the_known_ones(call: Any) -> None:
    assert call("series", "append", series([1, 2]), series([3, 4]))["step"] == [1, 2, 3, 4]


def test_points_that_begin_further_back_replace_what_was_known_from_there(call: Any) -> None:
    joined = call("series", "append", series([1, 2, 3, 4]), series([3], [30.0]))
    assert (joined["step"], joined["value"]) == ([1, 2, 3], [1, 2, 30])


def test_a_gap_is_filled_without_losing_what_came_in_meanwhile(call: Any) -> None:
    assert call("series", "fill", series([1, 2, 7, 8]), series([3, 4, 5]))["step"] == [1, 2, 3, 4, 5, 7, 8]
    assert call("series", "fill", series([1, 2, 3, 4]), series([2, 3]))["step"] == [1, 2, 3, 4]


def test_a_long_series_is_halved_and_keeps_its_spikes(call: Any) -> None:
    values = [0.5] * 4001
    values[1234] = 9.0
    whole = call("series", "append", series([]), series(list(range(4001)), values))
    assert len(whole["step"]) == 2001
    assert max(whole["max"]) == 9.0
    assert sum(whole["count"]) == 4001
    assert whole["step"][-1] == 4000


NOT_NUMBERS = """async () => {
    const { drawable, firstNonFinite, toSeries } = await import("/assets/js/series.js");
    const read = toSeries({ step: [1, 2, 3], value: [1, "NaN", "Infinity"] });
    return [drawable(read.value, false), firstNonFinite(read)];
}"""


def test_values_that_are_not_numbers_are_gaps_and_are_named(shared_page: Page) -> None:
    assert shared_page.evaluate(NOT_NUMBERS) == [[1, None, None], 2]


def test_train_and_validation_share_a_chart_and_loss_comes_first(call: Any) -> None:
    names = [
        "train/accuracy",
        "validation/loss",
        "train/loss",
        "train/learning_rate",
        "validation/accuracy",
        "system/cpu",
    ]
    panels = call("panels", "panelsFor", names)
    assert [panel["names"] for panel in panels["main"]] == [
        ["train/loss", "validation/loss"],
        ["train/accuracy", "validation/accuracy"],
        ["train/learning_rate"],
    ]
    assert [panel["key"] for panel in panels["more"]] == ["system/cpu"]


def test_a_job_without_accuracy_shows_its_own_score(call: Any) -> None:
    panels = call("panels", "panelsFor", ["train/loss", "validation/loss", "validation/mae", "validation/rmse"])
    assert [panel["title"] for panel in panels["main"]] == ["Loss", "RMSE"]


SPEC = """{
  "data": {"dataset": "digits", "a/b": [1, {"x": "}"}]},
  "optimizer": {"type": "adam", "learning_rate": "fast"}
}"""


@pytest.mark.parametrize(
    ("pointer", "found", "line"),
    [
        ("#/optimizer/learning_rate", '"learning_rate": "fast"', 3),
        ("#/data/a~1b/1/x", '"x": "}"', 2),
        ("#/data/a~1b/0", "1", 2),
        ("#/optimizer/betas/0", '"optimizer": {"type": "adam", "learning_rate": "fast"}', 3),
        ("#/training", SPEC, 1),
    ],
)
def test_a_pointer_leads_to_its_place_in_the_text(call: Any, pointer: str, found: str, line: int) -> None:
    place = call("pointers", "locate", SPEC, pointer)
    assert SPEC[place["start"] : place["end"]] == found
    assert place["line"] == line


def test_the_network_stands_among_the_baselines_best_first(call: Any) -> None:
    result = {
        "test": {"loss": 0.1, "accuracy": 0.97},
        "baselines": [
            {"name": "majority", "test": {"accuracy": 0.1}},
            {"name": "logistic_regression", "test": {"accuracy": 0.98}},
            {"name": "unscored", "test": {}},
        ],
    }
    contestants = call("verdict", "contest", result)
    assert [(one["name"], one["value"]) for one in contestants] == [
        ("Logistic regression", 0.98),
        ("This network", 0.97),
        ("Always the most frequent class", 0.1),
    ]
    assert contestants[0]["share"] == 1.0


def test_of_errors_the_smallest_is_the_best(call: Any) -> None:
    result = {"test": {"rmse": 40.0, "r2": 0.1}, "baselines": [{"name": "last_value", "test": {"rmse": 20.0}}]}
    assert [one["value"] for one in call("verdict", "contest", result)] == [20.0, 40.0]


@pytest.mark.parametrize(
    ("beats", "text"),
    [
        (True, "The network beats every simple method."),
        (False, "A simple method does as well as this network, or better."),
        (None, ""),
    ],
)
def test_the_verdict_is_the_services_own(call: Any, beats: bool | None, text: str) -> None:
    assert call("verdict", "verdict", {"beats_baselines": beats}) == text


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        ("on_a_par", "The best simple method does about as well as this network."),
        ("loses", "A simple method does better than this network."),
    ],
)
def test_the_verdict_is_as_sure_as_the_service_is(call: Any, standing: str, text: str) -> None:
    assert call("verdict", "verdict", {"beats_baselines": False, "standing": standing}) == text


def test_names_become_words(call: Any) -> None:
    assert call("format", "words", "validation/f1_macro") == "validation F1 macro"
    assert call("format", "words", "test_rmse") == "test RMSE"
    assert call("format", "words", "r2") == "R²"


@pytest.mark.parametrize(
    ("address", "room", "identifier"),
    [
        ("#/", "jobs", ""),
        ("", "jobs", ""),
        ("#/jobs/job_1", "job", "job_1"),
        ("#/submit", "submit", ""),
        ("#/jobs/%E0", "job", "%E0"),
    ],
)
def test_the_address_names_the_room(call: Any, address: str, room: str, identifier: str) -> None:
    route = call("router", "parseRoute", address)
    assert (route["room"], route["id"]) == (room, identifier)


def test_what_may_be_asked_follows_the_status(call: Any) -> None:
    asked = {
        status: [action["verb"] for action in call("status", "actionsFor", status)]
        for status in ("running", "paused", "failed")
    }
    assert asked == {"running": ["stop", "pause", "cancel"], "paused": ["resume", "cancel"], "failed": ["retry"]}
    assert call("status", "actionsFor", "succeeded") == []


def test_a_waiting_job_says_why(call: Any) -> None:
    queue = {"ahead": 2, "reason": "no_worker", "eta_seconds": None}
    assert call("status", "queueSentence", queue) == "2 jobs ahead; no worker is running for this pool"


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (
            {"data": {"features": {"age": {"type": "number"}, "job": {"type": "category"}, "cv": {"type": "text"}}}},
            [("age", "number"), ("job", "word"), ("cv", "text")],
        ),
        ({"data": {"features": {"v": {"type": "number"}}}, "task": "forecasting"}, [("series", "series")]),
        ({"data": {"features": {}}, "preprocessing": {"text": {"tokenizer": "bpe"}}}, [("text", "text")]),
        ({"data": {"features": {}}, "preprocessing": {"text": {"tokenizer": "auto"}}}, [("image", "image")]),
    ],
)
def test_a_row_has_the_fields_that_the_network_reads(call: Any, spec: Any, fields: list[tuple[str, str]]) -> None:
    assert call("rows", "fieldsOf", spec) == [{"name": name, "kind": kind} for name, kind in fields]


def test_what_is_typed_becomes_a_row_without_what_was_left_empty(call: Any) -> None:
    fields = [{"name": "age", "kind": "number"}, {"name": "job", "kind": "word"}, {"name": "gap", "kind": "word"}]
    assert call("rows", "rowOf", fields, {"age": "39", "job": "clerk", "gap": " "}) == {"age": "39", "job": "clerk"}
    series = [{"name": "series", "kind": "series"}]
    assert call("rows", "rowOf", series, {"series": "[[1, 2.5]]"}) == {"series": [[1, 2.5]]}


def test_remarks_name_what_was_filled_in_and_what_was_never_seen(call: Any) -> None:
    assert call("rows", "remarks", {"missing": {}, "unseen": {}}) == []
    found = call("rows", "remarks", {"missing": {"a": 1, "b": 1}, "unseen": {"c": 1}})
    assert found == ["Filled in as in training: a, b.", "Never seen in training: c."]
