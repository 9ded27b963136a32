/** Draws lines with uPlot: its options and data, in the colours of the page. */
import { compact } from "./format.js";
import { drawable, hasSpread } from "./series.js";
import uPlot from "../vendor/uplot/uplot.js";

/**
 * @typedef {{name: string, series: import("./series.js").Series, role: "train"|"validation"}} Line
 * @typedef {{ink: string, muted: string, grid: string, accent: string, band: string, font: string}} Colours
 */

/** @param {Element} element @returns {Colours} the page's colours as they apply to this element now */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    ink: read("--ink"),
    muted: read("--muted"),
    grid: read("--rule"),
    accent: read("--accent"),
    band: read("--accent-band"),
    font: `12px ${style.fontFamily}`,
  };
}

/**
 * @param {Line[]} lines @param {boolean} logarithmic
 * @returns {(number|null)[][]} per line three columns, mean, max and min, over the union of all steps
 */
export function plotData(lines, logarithmic) {
  if (!lines.some(({ series }) => series.step.length)) return [[], ...lines.flatMap(() => [[], [], []])];
  return uPlot.join(
    lines.map(({ series }) => [
      series.step,
      ...[series.value, series.max, series.min].map((column) => drawable(column, logarithmic)),
    ]),
  );
}

/**
 * @param {{lines: Line[], logarithmic: boolean, percent: boolean, width: number, height: number, colours: Colours,
 *          onCursor: (index: number|null) => void}} wanted
 * @returns {object} what uPlot is made from
 */
export function plotOptions({ lines, logarithmic, percent, width, height, colours, onCursor }) {
  const values = (_plot, ticks) =>
    ticks.map((tick) => (tick === null ? "" : percent ? `${compact(tick * 100)} %` : compact(tick)));
  const axis = { stroke: colours.muted, font: colours.font, ticks: { show: false } };
  return {
    width,
    height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "steps" }, drag: { x: true, y: false }, points: { size: 7, width: 0 } },
    scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : { range: padded } },
    axes: [
      { ...axis, grid: { show: false }, size: 28, gap: 6, space: 64, values: (_plot, ticks) => ticks.map(compact) },
      { ...axis, grid: { stroke: colours.grid, width: 1 }, size: 56, gap: 8, space: 36, values },
    ],
    series: [{}, ...lines.flatMap((line) => seriesOptions(line, colours))],
    bands: lines.flatMap(({ series }, i) =>
      hasSpread(series) ? [{ series: [3 * i + 2, 3 * i + 3], fill: colours.band }] : [],
    ),
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

function seriesOptions({ role, series }, colours) {
  const stroke = role === "validation" ? colours.ink : colours.accent;
  const isSparse = series.step.length <= 60;
  const mean = {
    stroke,
    width: 1.75,
    spanGaps: true,
    points: { show: isSparse, size: role === "validation" ? 5 : 4, fill: stroke, stroke },
  };
  const edge = { stroke: colours.band, width: 1, spanGaps: true, points: { show: false } };
  return [mean, edge, edge];
}

/** A linear range with a little air, that does not collapse on a flat line. */
function padded(_plot, low, high) {
  if (low === null || high === null) return [0, 1];
  const air = (high - low || Math.abs(high) || 1) * 0.06;
  return [low >= 0 && low - air < 0 ? 0 : low - air, high + air];
}
