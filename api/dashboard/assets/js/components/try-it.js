import { useState } from "../../vendor/preact/hooks.js";
import { metric, number } from "../format.js";
import { useApi } from "../hooks/use-api.js";
import { html } from "../html.js";
import { jobPath } from "../http.js";
import { fieldsOf, likeliest, remarks, rowOf } from "../rows.js";
import { Notice } from "./notice.js";
import { Pair } from "./pair.js";

const CLASSES_SHOWN = 5;

/** One row for the best network of a job. @param {{job: import("../types.js").Job}} props */
export function TryIt({ job }) {
  const api = useApi();
  const [typed, setTyped] = useState(/** @type {Record<string, string>} */ ({}));
  const [answer, setAnswer] = useState(/** @type {Record<string, any>|null} */ (null));
  const [problem, setProblem] = useState(/** @type {Error|null} */ (null));
  const [isBusy, setBusy] = useState(false);
  if (job.status !== "succeeded" || !job.resolved_spec) return null;
  const fields = fieldsOf(job.resolved_spec);

  async function ask(event) {
    event.preventDefault();
    setBusy(true);
    try {
      const body = JSON.stringify({ rows: [rowOf(fields, typed)], top: CLASSES_SHOWN });
      setAnswer(await api.json(`${jobPath(job.id)}/predict`, { method: "POST", body }));
      setProblem(null);
    } catch (error) {
      setAnswer(null);
      setProblem(error);
    }
    setBusy(false);
  }

  const type = (name, value) => setTyped((before) => ({ ...before, [name]: value }));
  return html`<section aria-labelledby="try-title">
    <h2 id="try-title">Try it</h2>
    <form class="try" onSubmit=${ask}>
      <div class="try-fields">
        ${fields.map((field) => html`<${Input} key=${field.name} field=${field} value=${typed[field.name] ?? ""} onType=${type} />`)}
      </div>
      <button disabled=${isBusy}>Predict</button>
    </form>
    <${Notice} problem=${problem} />
    <div role="status">${answer && html`<${Answer} answer=${answer} />`}</div>
  </section>`;
}

function Input({ field: { name, kind }, value, onType }) {
  const onInput = ({ currentTarget }) => onType(name, currentTarget.value);
  if (kind === "image") return html`<${ImageInput} name=${name} onType=${onType} />`;
  const box =
    kind === "series" || kind === "text"
      ? html`<textarea spellcheck="false" value=${value} onInput=${onInput}
          placeholder=${kind === "series" ? "[[1.0, 20.5], …]: a list of values per step" : ""}></textarea>`
      : html`<input autocomplete="off" inputmode=${kind === "number" ? "decimal" : "text"} value=${value} onInput=${onInput} />`;
  return html`<label class=${kind}><span>${name}</span>${box}</label>`;
}

function ImageInput({ name, onType }) {
  function read({ currentTarget: { files } }) {
    const reader = new FileReader();
    reader.onload = () => onType(name, String(reader.result));
    if (files[0]) reader.readAsDataURL(files[0]);
  }
  return html`<label><span>${name}</span><input type="file" accept="image/*" onChange=${read} /></label>`;
}

function Answer({ answer }) {
  const [{ label, probabilities, value, values }] = answer.predictions;
  const said = label ?? (values ?? [value]).map((one) => number(one)).join(", ");
  return html`<div class="said">
    <p class="score"><b>${said}</b> by step ${number(answer.checkpoint.step)}</p>
    <dl class="pairs">
      ${likeliest(probabilities ?? {}, CLASSES_SHOWN).map(
        ([name, share]) => html`<${Pair} key=${name} name=${name}>${metric("accuracy", share)}<//>`,
      )}
    </dl>
    ${remarks(answer).map((text) => html`<p class="quiet" key=${text}>${text}</p>`)}
  </div>`;
}
