"""Times as points on circles: of the day, of the week and of the year, so that December lies beside January."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.errors import InvalidData

CIRCLES: Final = ("day", "week", "year")
PARTS: Final = ("sine", "cosine")
NUM_CIRCLE_COLUMNS: Final = len(CIRCLES) * len(PARTS)
_WEEKDAY_OF_1970: Final = 3  #: a Thursday, of which Monday is 0

Floats = npt.NDArray[np.float64]


def circles_of(name: str) -> tuple[str, ...]:
    """The columns that a column of times becomes."""
    return tuple(f"{name}.{circle}.{part}" for circle in CIRCLES for part in PARTS)


def circles(times: npt.NDArray[np.datetime64]) -> Floats:
    """Times [T] to sine and cosine of the time of day, the weekday and the time of year, [T, 6]; NaN for none."""
    gone = np.isnat(times)
    known = np.where(gone, np.datetime64("1970-01-01", "us"), times.astype("datetime64[us]"))
    days, years = known.astype("datetime64[D]"), known.astype("datetime64[Y]")
    of_day = (known - days) / np.timedelta64(1, "D")
    of_week = ((days.astype(np.int64) + _WEEKDAY_OF_1970) % 7) / 7
    starts, ends = years.astype("datetime64[us]"), (years + 1).astype("datetime64[us]")
    of_year = (known - starts) / (ends - starts)
    angles = 2 * np.pi * np.stack([of_day, of_week, of_year], axis=1)
    points = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(known), -1)
    points[gone] = np.nan
    return points


def times_of(column: pa.Array, *, name: str) -> npt.NDArray[np.datetime64]:
    """A column of times [N], NaT for missing; raises InvalidData where it is none."""
    if not pa.types.is_timestamp(column.type):
        raise InvalidData("it holds no times", place=f"column {name!r}")
    times: npt.NDArray[np.datetime64] = column.to_numpy(zero_copy_only=False)
    return times


def time_of(value: Any, *, name: str) -> np.datetime64:
    """A cell as a time without zone, as the readers of files keep it: in UTC where it names a zone."""
    if value is None:
        return np.datetime64("NaT", "us")
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        message = f"{str(value)[:64]!r} is no time, such as 2026-01-31 or 2026-01-31T13:00"
        raise InvalidData(message, place=f"column {name!r}") from error
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time, "us")
