"""Which columns of a table a job uses: the target, the features by name, and what is left out."""

from __future__ import annotations

from typing import Literal

from models.errors import FieldError, InvalidSpec
from models.profile import ColumnProfile, Profile
from models.spec.data import ColumnSplit, Data, Feature, GroupSplit, TimeSplit
from models.spec.mistakes import invalid
from models.spec.pointers import pointer

FeatureType = Literal["number", "category", "text", "calendar"]
AUTO_TYPES: dict[str, FeatureType] = {"number": "number", "category": "category", "boolean": "category"}
MAX_NAMED = 20


def resolve_columns(data: Data, profile: Profile, *, task: str) -> tuple[Data, int | None]:
    """`data` with the target and every used column named, and the number of classes where there are classes.

    Raises InvalidSpec with one mistake per column that is not there or cannot be read as asked.
    """
    if profile.kind != "table":
        _no_columns(data, kind=profile.kind)
        return data.model_copy(update={"features": {}}), len(profile.classes or {})
    target = _target(data, profile)
    _check_names(data, profile, target=target.name)
    features = _features(data, profile, target=target, task=task)
    kept = {target.name, *features, *_split_columns(data)}
    ignore = tuple(column.name for column in profile.columns if column.name not in kept)
    resolved = data.model_copy(update={"target": target.name, "features": features, "ignore": ignore})
    return resolved, target.unique if task == "classification" else None


def _names(profile: Profile) -> str:
    names = [column.name for column in profile.columns]
    return ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")


def _invalid(mistakes: list[FieldError]) -> InvalidSpec:
    return invalid(mistakes, opening="The spec does not fit the data")


def _no_columns(data: Data, *, kind: str) -> None:
    """Images and texts have no columns to choose from."""
    errors = (
        [FieldError("#/data/target", f"has no meaning for {kind}: their class is the target")] if data.target else []
    )
    errors += [
        FieldError(pointer("data", "features", name), f"is not there: {kind} have no columns")
        for name in data.features
        if name != "*"
    ]
    errors += [
        FieldError(f"#/data/ignore/{index}", f"is not there: {kind} have no columns")
        for index, _ in enumerate(data.ignore)
    ]
    if isinstance(data.split, ColumnSplit | GroupSplit):
        errors.append(FieldError("#/data/split/column", f"is not there: {kind} have no columns"))
    if errors:
        raise _invalid(errors)


def _target(data: Data, profile: Profile) -> ColumnProfile:
    name = data.target or profile.target
    if name is None:
        raise _invalid([FieldError("#/data/target", f"is required; the columns are {_names(profile)}")])
    column = profile.column(name)
    if column is None:
        raise _invalid([FieldError("#/data/target", f"there is no column {name!r}; the columns are {_names(profile)}")])
    return column


def _split_columns(data: Data) -> set[str]:
    if isinstance(data.split, ColumnSplit | GroupSplit | TimeSplit) and data.split.column is not None:
        return {data.split.column}
    return set()


def _check_names(data: Data, profile: Profile, *, target: str) -> None:
    known = {column.name for column in profile.columns}
    named = {pointer("data", "features", name): name for name in data.features if name != "*"}
    named |= {f"#/data/ignore/{index}": name for index, name in enumerate(data.ignore)}
    named |= dict.fromkeys(("#/data/split/column",), next(iter(_split_columns(data)), target))
    errors = [
        FieldError(pointer, f"there is no column {name!r}; the columns are {_names(profile)}")
        for pointer, name in named.items()
        if name not in known
    ]
    errors += [
        FieldError(f"#/data/ignore/{index}", f"{name!r} is the target")
        for index, name in enumerate(data.ignore)
        if name == target
    ]
    if errors:
        raise _invalid(errors)


def _features(data: Data, profile: Profile, *, target: ColumnProfile, task: str) -> dict[str, Feature]:
    """The used columns with their types. A forecast looks back on the target's own past; nothing else may see it."""
    series = task == "forecasting"
    if series and target.type != "number":
        raise _invalid(
            [FieldError("#/data/target", f"a forecast needs numbers, and {target.name!r} holds {target.type} values")]
        )
    never = {*data.ignore} | (set() if series else {target.name})
    out = never | _split_columns(data)
    chosen: dict[str, Feature] = {}
    errors: list[FieldError] = []
    for column in profile.columns:
        asked = data.features.get(column.name) or data.features.get("*")
        if column.name in (never if asked is not None and asked.type == "calendar" else out):
            continue
        if series and column.name == target.name:
            asked = Feature(type="number")
        if asked is None or (kind := _type(asked, column, series=series)) is None:
            continue
        if (wrong := _misread(kind, column, series=series)) is not None:
            errors.append(FieldError(pointer("data", "features", column.name), wrong))
        chosen[column.name] = Feature(type=kind, missing_values=asked.missing_values)
    if not chosen and not series:
        chosen = _lone_text(data, profile, out=out)
    errors += _further_texts(chosen)
    if not chosen and not errors:
        errors.append(
            FieldError("#/data/features", f"leave no column to learn from; the columns are {_names(profile)}")
        )
    if errors:
        raise _invalid(errors)
    return chosen


def _misread(kind: FeatureType, column: ColumnProfile, *, series: bool) -> str | None:
    """Why a column cannot be read as that type; None where it can."""
    if kind == "number" and not _holds_numbers(column):
        return f"cannot be read as a number: it holds {column.type} values"
    if kind == "calendar" and column.type != "datetime":
        return f"cannot be read as times: it holds {column.type} values"
    if kind == "text" and series:
        return "a forecast reads no texts, but numbers, categories and times"
    if kind == "text" and column.type not in ("text", "category"):
        return f"cannot be read as a text: it holds {column.type} values"
    return None


def _lone_text(data: Data, profile: Profile, *, out: set[str]) -> dict[str, Feature]:
    """The column of texts that is all there is to learn from."""
    texts = [column.name for column in profile.columns if column.type == "text" and column.name not in out]
    asked = {name: data.features.get(name) or data.features.get("*") for name in texts}
    found = {name: how.model_copy(update={"type": "text"}) for name, how in asked.items() if how is not None}
    return found if len(found) == 1 else {}


def _further_texts(chosen: dict[str, Feature]) -> list[FieldError]:
    """A network reads one text per row."""
    first, *others = [name for name, feature in chosen.items() if feature.type == "text"] or [""]
    detail = f"is a second text beside {first!r}; one can be read, so leave one out, or join them before the upload"
    return [FieldError(pointer("data", "features", name), detail) for name in others]


def _holds_numbers(column: ColumnProfile) -> bool:
    """Whether it is a column of numbers, or one of words of which some are: the others may be slips of the pen."""
    if column.type in ("number", "boolean"):
        return True
    return column.type != "datetime" and any(_is_number(one.value) for one in column.top_values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _type(asked: Feature, column: ColumnProfile, *, series: bool) -> FeatureType | None:
    """How a column is read; None for a column that auto leaves out: free text, times, and categories of a series."""
    if asked.type != "auto":
        return asked.type
    found = AUTO_TYPES.get(column.type)
    return None if series and found == "category" else found
