/**
 * A metric's points as columns of equal length. One entry is one point, or a bucket of neighbouring points whose
 * `min` and `max` keep every spike visible. Steps rise strictly.
 */
import { toNumber } from "./format.js";

/** @typedef {{step: number[], value: number[], min: number[], max: number[], count: number[]}} Series */

/** Above this many entries neighbours are merged: a chart is not wider than this in pixels. */
export const MAX_ENTRIES = 3000;

/** @returns {Series} */
export function emptySeries() {
  return { step: [], value: [], min: [], max: [], count: [] };
}

/**
 * @param {any} document columns as the service sends them; `min`, `max` and `count` may be missing
 * @returns {Series}
 */
export function toSeries(document) {
  const value = (document.value ?? []).map(toNumber);
  return {
    step: [...(document.step ?? [])],
    value,
    min: document.min ? document.min.map(toNumber) : [...value],
    max: document.max ? document.max.map(toNumber) : [...value],
    count: document.count ? [...document.count] : value.map(() => 1),
  };
}

/**
 * @param {Series} known
 * @param {Series} fresh later points; where they begin further back (a resumed attempt trains again) they replace the tail
 * @returns {Series} a new series
 */
export function append(known, fresh) {
  if (!fresh.step.length) return known;
  const keep = lowerBound(known.step, fresh.step[0]);
  const joined = mapColumns((name) => [...known[name].slice(0, keep), ...fresh[name]]);
  return joined.step.length > MAX_ENTRIES ? halve(joined) : joined;
}

/**
 * @param {Series} known
 * @param {Series} missed points of a gap, fetched while newer ones may already have come in
 * @returns {Series} a new series that keeps what is newer than the gap
 */
export function fill(known, missed) {
  if (!missed.step.length) return known;
  const newer = lowerBound(known.step, lastStep(missed) + 1);
  const filled = append(known, missed);
  return append(
    filled,
    mapColumns((name) => known[name].slice(newer)),
  );
}

/** @param {Series} series @returns {Series} neighbours merged in pairs: weighted mean, outer bounds, the later step */
export function halve(series) {
  const merged = emptySeries();
  for (let i = 0; i < series.step.length; i += 2) {
    const j = Math.min(i + 1, series.step.length - 1);
    const count = i === j ? series.count[i] : series.count[i] + series.count[j];
    merged.step.push(series.step[j]);
    merged.value.push(
      i === j ? series.value[i] : (series.value[i] * series.count[i] + series.value[j] * series.count[j]) / count,
    );
    merged.min.push(Math.min(series.min[i], series.min[j]));
    merged.max.push(Math.max(series.max[i], series.max[j]));
    merged.count.push(count);
  }
  return merged;
}

/** @param {Series|undefined} series @returns {number} the last step; -1 when there is none */
export function lastStep(series) {
  return series?.step.at(-1) ?? -1;
}

/** @param {Series} series @returns {boolean} whether any entry stands for values that differ */
export function hasSpread(series) {
  return series.max.some((high, i) => high > series.min[i]);
}

/** @param {Series} series @returns {number|null} the first step whose value is NaN or infinite */
export function firstNonFinite(series) {
  const at = series.value.findIndex((value) => !Number.isFinite(value));
  return at < 0 ? null : series.step[at];
}

/** @param {number[]} column @param {boolean} positive drop what a log scale cannot show @returns {(number|null)[]} with gaps */
export function drawable(column, positive) {
  return column.map((value) => (Number.isFinite(value) && (!positive || value > 0) ? value : null));
}

function lowerBound(steps, step) {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {(name: keyof Series) => number[]} column @returns {Series} */
function mapColumns(column) {
  return {
    step: column("step"),
    value: column("value"),
    min: column("min"),
    max: column("max"),
    count: column("count"),
  };
}
