import { clock, metric, moment, number, sentence, words } from "../format.js";
import { html } from "../html.js";
import { STATUSES } from "../status.js";

const SHOWN = 12;

/** What happened, newest first, as stops along a line. @param {{events: import("../types.js").JobEvent[]}} props */
export function Timeline({ events }) {
  if (!events.length) return null;
  const newestFirst = [...events].reverse();
  const older = newestFirst.slice(SHOWN);
  return html`<section aria-labelledby="timeline-title">
    <h2 id="timeline-title">History</h2>
    <${Stops} events=${newestFirst.slice(0, SHOWN)} />
    ${older.length > 0 && html`<details class="older"><summary>${older.length} earlier</summary><${Stops} events=${older} /></details>`}
  </section>`;
}

function Stops({ events }) {
  return html`<ol class="timeline">${events.map((event) => html`<${Stop} key=${event.seq} event=${event} />`)}</ol>`;
}

function Stop({ event }) {
  const name = event.type.replace(/^job\./, "").replaceAll(".", " ");
  const isStatus = STATUSES.includes(name);
  return html`<li class=${isStatus ? `stop ${name}` : "stop passing"}>
    <span class="what">${sentence(words(eventTitle(name, event.data)))}</span>
    <time datetime=${event.at} title=${moment(event.at)}>${clock(event.at)}</time>
    ${detail(event.data) && html`<span class="detail">${detail(event.data)}</span>`}
  </li>`;
}

function eventTitle(name, data) {
  return name === "phase" && data?.phase ? data.phase : name;
}

/** The parts of an event's data that have a plain reading. */
function detail(data) {
  const { step, kinds, message, reason, worker, device, metrics } = data ?? {};
  const scores = Object.entries(metrics ?? {}).slice(0, 1).map(([name, value]) => `${words(name)} ${metric(name, value)}`);
  const kindly = Array.isArray(kinds) && kinds.length ? kinds.join(", ") : "";
  const where = worker ? `on ${worker}${device ? `, ${device}` : ""}` : "";
  return [Number.isFinite(step) ? `step ${number(step)}` : "", kindly, ...scores, where, message ?? reason?.message ?? ""].filter(Boolean).join(" · ");
}
