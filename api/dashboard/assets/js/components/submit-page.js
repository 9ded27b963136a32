import { useEffect, useRef, useState } from "../../vendor/preact/hooks.js";
import { useApi } from "../hooks/use-api.js";
import { useDryRun } from "../hooks/use-dry-run.js";
import { html } from "../html.js";
import { jobHref } from "../router.js";
import { DryRunReport } from "./dry-run-report.js";
import { Notice } from "./notice.js";

const EXAMPLES = {
  "Digits, a small network": {
    name: "digits",
    data: { dataset: "digits" },
    network: { type: "mlp", hidden: [64] },
    training: { epochs: 20 },
  },
  "Digits, a convolutional network": {
    name: "digits cnn",
    data: { dataset: "digits" },
    network: "cnn",
    training: { epochs: 20 },
  },
  "Iris, three kinds of flower": {
    name: "iris",
    data: { dataset: "iris" },
    optimizer: { type: "sgd", learning_rate: 0.05 },
    training: { epochs: 60 },
  },
};

/** Indented, with short lists of numbers on one line. */
const text = (spec) =>
  JSON.stringify(spec, null, 2).replace(/\[[^[\]{}]*\]/g, (list) =>
    list.replace(/\s+/g, " ").replace("[ ", "[").replace(" ]", "]"),
  );

/** Write a spec, see what the service makes of it, submit it. */
export function SubmitPage() {
  const api = useApi();
  const [spec, setSpec] = useState(text(Object.values(EXAMPLES)[0]));
  const check = useDryRun(api, spec);
  const { problem } = check;
  const [refusal, setRefusal] = useState(/** @type {Error|null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const box = useRef(/** @type {HTMLTextAreaElement|null} */ (null));
  // One key per text: pressing the button twice, or again after a lost answer, submits once.
  const idempotencyKey = useRef({ spec: "", key: "" });
  useEffect(() => void (document.title = "New job · Trainyard"), []);
  useEffect(() => setRefusal(null), [spec]);

  async function submit(event) {
    event.preventDefault();
    if (idempotencyKey.current.spec !== spec) idempotencyKey.current = { spec, key: randomKey() };
    setBusy(true);
    try {
      const headers = { "Idempotency-Key": `"${idempotencyKey.current.key}"` };
      const job = await api.json("v1/jobs", { method: "POST", body: spec, headers });
      location.hash = jobHref(job.id);
    } catch (error) {
      setRefusal(error);
      setBusy(false);
    }
  }

  function startFrom({ currentTarget: { value } }) {
    if (value in EXAMPLES) setSpec(text(EXAMPLES[value]));
  }

  function show({ start, end }) {
    box.current?.focus();
    box.current?.setSelectionRange(start, end);
  }

  return html`<form class="submit" onSubmit=${submit}>
    <div class="room-head"><h1>New job</h1></div>
    <div class="submit-columns">
      <div>
        <div class="section-head">
          <label for="spec">Spec</label>
          <select aria-label="Start from an example" value="" onChange=${startFrom}>
            <option value="">Start from an example</option>
            ${Object.keys(EXAMPLES).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
          </select>
        </div>
        <textarea
          id="spec"
          ref=${box}
          spellcheck="false"
          autocapitalize="off"
          autocomplete="off"
          aria-describedby="report"
          aria-invalid=${Boolean(problem)}
          value=${spec}
          onInput=${(event) => setSpec(event.currentTarget.value)}
        ></textarea>
        <div class="choices">
          <button class="primary" disabled=${isBusy || Boolean(problem)}>Submit</button>
        </div>
        <${Notice} problem=${refusal && refusal.message !== problem?.message ? refusal : null} />
      </div>
      <${DryRunReport} ...${check} onShow=${show} />
    </div>
  </form>`;
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
