import { clock, metric, moment, number, sentence, words } from "../format.js";
import { html } from "../html.js";
import { STATUSES } from "../status.js";

const SHOWN = 12;

/** What happened, newest first, as stops along a line. @param {{events: import("../types.js").JobEvent[]}} props */
export function Timeline({ events }) {
  if (!events.length) return null;
  const stops = stopsOf(events).reverse();
  const older = stops.slice(SHOWN);
  return html`<section aria-labelledby="timeline-title">
    <h2 id="timeline-title">History</h2>
    <${Stops} stops=${stops.slice(0, SHOWN)} />
    ${
      older.length > 0 &&
      html`<details class="older">
      <summary>${older.length} earlier</summary>
      <${Stops} stops=${older} />
    </details>`
    }
  </section>`;
}

/** Checkpoints in a row are one stop, drawn as its newest; they have a table of their own. */
function stopsOf(events) {
  const stops = [];
  for (const event of events) {
    const last = stops.at(-1);
    if (event.type === "job.checkpoint" && last?.event.type === event.type)
      stops[stops.length - 1] = { event, count: last.count + 1 };
    else stops.push({ event, count: 1 });
  }
  return stops;
}

function Stops({ stops }) {
  return html`<ol class="timeline">
    ${stops.map(({ event, count }) => html`<${Stop} key=${event.seq} event=${event} count=${count} />`)}
  </ol>`;
}

function Stop({ event, count }) {
  const name = event.type.replace(/^job\./, "").replaceAll(".", " ");
  const title = name === "phase" && event.data?.phase ? event.data.phase : name;
  const detail = detailOf(event.data);
  return html`<li class=${STATUSES.includes(name) ? `stop ${name}` : "stop passing"}>
    <span class="what">${count > 1 ? `${count} ${words(title)}s` : sentence(words(title))}</span>
    <time datetime=${event.at} title=${moment(event.at)}>${clock(event.at)}</time>
    ${detail && html`<span class="detail">${count > 1 ? `last: ${detail}` : detail}</span>`}
  </li>`;
}

/** The parts of an event's data that have a plain reading. */
function detailOf(data) {
  const { step, kinds, message, reason, worker, device, metrics } = data ?? {};
  const parts = [
    Number.isFinite(step) ? `step ${number(step)}` : "",
    Array.isArray(kinds) ? kinds.join(", ") : "",
    ...Object.entries(metrics ?? {})
      .slice(0, 1)
      .map(([name, value]) => `${words(name)} ${metric(name, value)}`),
    worker ? `on ${worker}` : "",
    device ?? "",
    message ?? reason?.message ?? "",
  ];
  return parts.filter(Boolean).join(" · ");
}
