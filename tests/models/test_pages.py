"""Pages and cursors: opaque, sealed, bound to their filter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import BadRequest
from models.pages import Cursors, PageRequest

CURSORS = Cursors("secret")


def test_the_cursor_of_a_full_page_asks_for_what_follows() -> None:
    page = CURSORS.page(["c", "b", "a"], request=PageRequest(limit=2), filters={"status": "failed"}, key=str)
    assert list(page.items) == ["c", "b"]
    assert CURSORS.open(page.next_cursor, filters={"status": "failed"}, limit=2) == PageRequest(limit=2, before="b")


def test_the_last_page_has_no_cursor() -> None:
    assert CURSORS.page(["b", "a"], request=PageRequest(limit=2), filters={}, key=str).next_cursor is None


def test_a_cursor_of_another_filter_is_refused() -> None:
    page = CURSORS.page(["c", "b", "a"], request=PageRequest(limit=2), filters={"status": "failed"}, key=str)
    with pytest.raises(BadRequest, match="another filter"):
        CURSORS.open(page.next_cursor, filters={"status": "queued"}, limit=2)


def test_a_cursor_of_another_service_is_refused() -> None:
    page = Cursors("other").page(["c", "b", "a"], request=PageRequest(limit=2), filters={}, key=str)
    with pytest.raises(BadRequest):
        CURSORS.open(page.next_cursor, filters={}, limit=2)


@given(st.text(max_size=200))
def test_nothing_made_up_is_a_cursor(text: str) -> None:
    with pytest.raises(BadRequest):
        CURSORS.open(text, filters={}, limit=2)
