import { duration, number, secondsBetween, sentence } from "../format.js";
import { html } from "../html.js";

/** Every try at the job. @param {{attempts: import("../types.js").Attempt[], now: number}} props */
export function Attempts({ attempts, now }) {
  if (!attempts?.length) return null;
  return html`<section aria-labelledby="attempts-title">
    <h2 id="attempts-title">Attempts</h2>
    <ol class="attempts">
      ${attempts.map((attempt) => html`<${Attempt} key=${attempt.number} attempt=${attempt} now=${now} />`)}
    </ol>
  </section>`;
}

function Attempt({ attempt, now }) {
  const took = duration(secondsBetween(attempt.started_at, attempt.ended_at, now));
  const place = [attempt.worker, attempt.device].filter(Boolean).join(" · ");
  const from = attempt.resumed_from_step;
  return html`<li>
    <p><b>${attempt.number}</b> ${attempt.outcome ? sentence(attempt.outcome) : "Under way"} <span class="of">${took}</span></p>
    <p class="of">${from === null ? place : `${place} · from step ${number(from)}`}</p>
    ${attempt.reason?.message && html`<p class="of">${attempt.reason.message}</p>`}
  </li>`;
}
