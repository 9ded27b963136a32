import { useEffect, useLayoutEffect, useRef, useState } from "../../vendor/preact/hooks.js";
import uPlot from "../../vendor/uplot/uplot.js";
import { isPercent, metric, number } from "../format.js";
import { html } from "../html.js";
import { coloursOf, plotData, plotOptions } from "../plot.js";
import { firstNonFinite, hasSpread } from "../series.js";

/** Re-draws when the reader's system turns dark or light. */
function useColourScheme() {
  const [isDark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setDark(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  return isDark;
}

/**
 * Lines over optimizer steps, with the band between a bucket's smallest and largest value.
 *
 * @param {{title: string, lines: import("../plot.js").Line[], height: number, logarithmic?: boolean,
 *          children?: any}} props `children` are controls beside the title
 */
export function Chart({ title, lines, height, logarithmic = false, children }) {
  const place = useRef(/** @type {HTMLDivElement|null} */ (null));
  const plot = useRef(/** @type {uPlot|null} */ (null));
  const [at, setAt] = useState(/** @type {number|null} */ (null));
  const isDark = useColourScheme();
  const percent = lines.some(({ name }) => isPercent(name));
  // What uPlot cannot change in place; a new one is made when it differs.
  const shape = [
    isDark,
    logarithmic,
    height,
    ...lines.map(({ name, series }) => `${name} ${hasSpread(series)} ${series.step.length <= 60}`),
  ].join();

  useLayoutEffect(() => {
    if (!place.current) return undefined;
    const element = place.current;
    const width = element.clientWidth;
    const options = plotOptions({
      lines,
      logarithmic,
      percent,
      width,
      height,
      colours: coloursOf(element),
      onCursor: setAt,
    });
    const drawn = new uPlot(options, plotData(lines, logarithmic), element);
    plot.current = drawn;
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => (observer.disconnect(), drawn.destroy(), (plot.current = null));
  }, [shape]);
  useEffect(
    () => {
      if (plot.current) showNewest(plot.current, plotData(lines, logarithmic));
    },
    lines.map(({ series }) => series),
  );

  return html`<figure class="chart">
    <figcaption>
      <h3>${title}</h3>
      <${Readings} lines=${lines} step=${at === null ? null : plot.current?.data[0][at]} />
      ${children}
    </figcaption>
    <div
      class="plot"
      ref=${place}
      tabindex="0"
      role="img"
      aria-label=${summary(title, lines)}
      onKeyDown=${(event) => moveCursor(event, plot.current)}
    ></div>
    <${NonFinite} lines=${lines} />
  </figure>`;
}

/** New data; a range that the reader has zoomed into stays. */
function showNewest(plot, data) {
  const { min, max } = plot.scales.x;
  const known = plot.data[0];
  const isZoomed = known.length > 0 && min !== undefined && (min > known[0] || max < known[known.length - 1]);
  plot.setData(data, !isZoomed);
  if (isZoomed) plot.redraw();
}

/** The values under the cursor, else the newest ones. */
function Readings({ lines, step }) {
  const isPointed = step !== null && step !== undefined;
  return html`<p class="readings">
    ${lines.map(({ name, role, series }) => {
      const i = isPointed ? indexAt(series.step, step) : series.step.length - 1;
      return html`<span class="reading ${role}" key=${name}>
        <i aria-hidden="true"></i>${role} <b>${metric(name, series.value[i])}</b>
      </span>`;
    })}
    ${isPointed && html`<span class="reading">step <b>${number(step)}</b></span>`}
  </p>`;
}

function NonFinite({ lines }) {
  const found = lines
    .map(({ name, series }) => ({ name, step: firstNonFinite(series) }))
    .filter(({ step }) => step !== null);
  return found.map(
    ({ name, step }) =>
      html`<p class="nonfinite" key=${name}>${name} is not a number from step ${number(step)} on.</p>`,
  );
}

/** The last point at or before a step. */
function indexAt(steps, step) {
  const after = steps.findIndex((known) => known > step);
  return after < 0 ? steps.length - 1 : Math.max(0, after - 1);
}

function moveCursor(event, plot) {
  const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!plot || !direction || !plot.data[0].length) return;
  event.preventDefault();
  const last = plot.data[0].length - 1;
  const from = plot.cursor.idx ?? (direction > 0 ? 0 : last);
  const index = Math.min(last, Math.max(0, from + direction * (event.shiftKey ? 10 : 1)));
  plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: plot.over.clientHeight / 2 });
}

function summary(title, lines) {
  const parts = lines
    .filter(({ series }) => series.step.length)
    .map(({ name, series }) => `${name} ${metric(name, series.value.at(-1))} at step ${number(series.step.at(-1))}`);
  return `${title}: ${parts.join(", ") || "no points yet"}. Arrow keys move through the points.`;
}
