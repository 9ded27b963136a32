"""W3C trace context, by the rules of the specification."""

import threading

import pytest

from models import tracing
from models.tracing import Trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "is_sampled"), [("00", False), ("01", True), ("03", True), ("fe", False)])
def test_a_header_names_a_trace_a_span_and_whether_it_is_sampled(flags: str, is_sampled: bool):
    assert tracing.parse(f" 00-{TRACE}-{SPAN}-{flags} ") == Trace(TRACE, SPAN, is_sampled)


def test_fields_of_a_later_version_are_passed_over():
    assert tracing.parse(f"42-{TRACE}-{SPAN}-01-what-will-be") == Trace(TRACE, SPAN, is_sampled=True)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01\nx",
    ],
)
def test_a_header_that_breaks_the_rules_counts_as_none(header: str | None):
    assert tracing.parse(header) is None


def test_a_trace_says_its_own_header():
    assert Trace(TRACE, SPAN, is_sampled=True).header == f"00-{TRACE}-{SPAN}-01"
    fresh = tracing.fresh()
    assert tracing.parse(fresh.header) == fresh
    assert fresh.trace_id != tracing.fresh().trace_id


def test_what_is_worked_on_is_known_inside_the_block_and_in_no_other_thread():
    seen: list[Trace | None] = []
    with tracing.within(trace := tracing.fresh()):
        thread = threading.Thread(target=lambda: seen.append(tracing.current()))
        thread.start()
        thread.join()
        assert tracing.current() == trace
    assert (tracing.current(), seen) == (None, [None])
