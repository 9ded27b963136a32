import { useState } from "../../vendor/preact/hooks.js";
import { html } from "../html.js";
import { JsonView } from "./json-view.js";

/** What was sent, and what it was resolved to. @param {{spec: object, resolved: object|null}} props */
export function SpecView({ spec, resolved }) {
  const [shows, setShows] = useState("sent");
  const tab = (name, text) =>
    html`<button type="button" class="toggle" aria-pressed=${shows === name} onClick=${() => setShows(name)}>${text}</button>`;
  return html`<section aria-labelledby="spec-title">
    <div class="section-head">
      <h2 id="spec-title">Spec</h2>
      ${tab("sent", "As sent")}
      ${resolved && tab("resolved", "With every default")}
    </div>
    ${
      shows === "resolved" && resolved
        ? html`<p class="quiet">Coloured values were sent; the others are defaults or were derived from the data.</p>
            <${JsonView} value=${resolved} given=${spec} />`
        : html`<${JsonView} value=${spec} />`
    }
  </section>`;
}
