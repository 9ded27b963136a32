"""What pydantic complains about, in plain words: `must be greater than 0`, `is required`."""

from __future__ import annotations

import re
from typing import Final

from pydantic_core import ErrorDetails

#: How pydantic begins a complaint, and how it reads behind the name of a field.
_OPENINGS: Final = re.compile(r"^(?:Input|String|Number|Dictionary|List|Tuple|Value|Data) should (be|have|match)\b")


def sentence(mistake: ErrorDetails) -> str:
    """What is wrong with a field, to be read behind its name."""
    context = mistake.get("ctx", {})
    match mistake["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "is not a field here"
        case "union_tag_invalid":
            return f"must be one of {context['expected_tags']}"
        case "tuple_type" | "list_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object"
        case "value_error":
            return str(context["error"])
        case "string_pattern_mismatch":
            return f"must match {context['pattern']}"
        case "too_short":
            return f"must have at least {_items(context['min_length'])}"
        case "too_long":
            return f"must have at most {_items(context['max_length'])}"
    return _OPENINGS.sub(r"must \1", mistake["msg"])


def joined(details: list[str]) -> str:
    """What the branches of a union say about one place."""
    first, *others = details
    return " or ".join([first, *(other.removeprefix("must be ") for other in others)])


def _items(number: int) -> str:
    return "1 item" if number == 1 else f"{number} items"
