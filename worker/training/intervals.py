"""How much of a score is luck of the test rows: 95 % intervals by drawing the rows again (Efron 1979).

The draws are a function of the number of rows alone, so that equal predictions get equal intervals, and two predictors
are compared on the very same draws. What a score would be with another seed or other training rows they do not say.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

NUM_DRAWS = 1000
#: Metrics of the ranking need every row of every draw; they make do with the first draws.
NUM_RANKED_DRAWS = 200
MAX_BLOCKS = 1000
Z = 1.959963984540054  # the normal deviation that 95 % lie within
_TAILS = (0.025, 0.975)
_MOST_UNDEFINED = 0.05


class Resamples:
    """Draws of the rows, with replacement, in blocks of consecutive rows.

    Blocks keep the cost of many rows down, and they keep the dependence of neighbours in a series (Kuensch 1989), for
    which they hold about the cube root of the rows.
    """

    def __init__(self, num_rows: int, *, in_series: bool = False) -> None:
        longest = max(math.ceil(num_rows / MAX_BLOCKS), math.ceil(num_rows ** (1 / 3)) if in_series else 1)
        self.starts = np.arange(0, num_rows, longest)
        self.block_of_row = np.arange(num_rows) // longest
        blocks = len(self.starts)
        generator = np.random.Generator(np.random.Philox(key=num_rows))
        self.draws: Floats = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=NUM_DRAWS).astype(float)

    def sums(self, values: Floats) -> Floats:
        """Sums over the rows of each draw: [N] to [draws], [N, S] to [draws, S]."""
        return self.draws @ np.add.reduceat(values, self.starts, axis=0)

    def counts(self, codes: npt.NDArray[np.int64], *, num_codes: int, weights: Floats | None = None) -> Floats:
        """How many rows of each draw have each code, or the sum of their weights, [draws, num_codes]."""
        cells = self.block_of_row * num_codes + codes
        table = np.bincount(cells, weights=weights, minlength=len(self.starts) * num_codes)
        return self.draws @ table.reshape(len(self.starts), num_codes)

    def row_weights(self) -> Floats:
        """How often each row is in each of the first draws, [NUM_RANKED_DRAWS, N]."""
        return self.draws[:NUM_RANKED_DRAWS, self.block_of_row]


def middle(draws: Floats) -> Interval | None:
    """What the middle 95 % of the draws lie between; None where too many have no meaning."""
    known = draws[np.isfinite(draws)]
    if not len(known) or len(known) < (1 - _MOST_UNDEFINED) * len(draws):
        return None
    known.sort()
    low, high = (_quantile(known, share) for share in _TAILS)
    return low, high


def _quantile(rising: Floats, share: float) -> float:
    """A quantile of sorted values, between two of them in proportion: that of `np.quantile` in a tenth of its time."""
    place = share * (len(rising) - 1)
    below = int(place)
    one, other = float(rising[below]), float(rising[min(below + 1, len(rising) - 1)])
    rest = place - below
    return other - (other - one) * (1 - rest) if rest >= 0.5 else one + (other - one) * rest


def spread(draws: Floats) -> Interval | None:
    """The middle 95 % of a score's draws; None also where they all agree.

    Those of predictions without a mistake do, which says that the rows are few, not that the score is certain.
    """
    between = middle(draws)
    agree = between is not None and np.ptp(draws[np.isfinite(draws)]) <= 1e-12 * max(map(abs, between))
    return None if agree else between


def wilson(share: float, num_rows: int) -> Interval:
    """The interval of a share of rows (Wilson 1927), which has a width even at 0 and 1."""
    centre = share + Z**2 / (2 * num_rows)
    half = Z * math.sqrt(share * (1 - share) / num_rows + Z**2 / (4 * num_rows**2))
    whole = 1 + Z**2 / num_rows
    low = (centre - half) / whole if share > 0 else 0.0
    high = (centre + half) / whole if share < 1 else 1.0
    return low, high
