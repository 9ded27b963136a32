import { useEffect, useState } from "../../vendor/preact/hooks.js";
import { html } from "../html.js";
import { panelsFor } from "../panels.js";
import { Chart } from "./chart.js";
import { Notice } from "./notice.js";

const LARGE = 300;
const SMALL = 190;
const WAITING = "The first points appear once a worker has started.";

/** All charts of a job. @param {{store: import("../metric-store.js").MetricStore, status: string}} props */
export function Charts({ store, status }) {
  const { main, more } = panelsFor(store.names);
  const [isOpen, setOpen] = useState(false);
  return html`<section class="charts" aria-labelledby="charts-title">
    <h2 id="charts-title">Metrics <small>by optimizer step</small></h2>
    <${Notice} problem=${store.error} />
    ${!main.length && html`<p class="quiet">${status === "queued" ? WAITING : "No points yet."}</p>`}
    <div class="chart-grid">
      ${main.map((panel, i) => html`<${Panel} key=${panel.key} panel=${panel} store=${store} height=${i ? SMALL : LARGE} />`)}
    </div>
    ${
      more.length > 0 &&
      html`<details open=${isOpen} onToggle=${(event) => setOpen(event.currentTarget.open)}>
      <summary>${more.length === 1 ? "1 more chart" : `${more.length} more charts`}</summary>
      ${
        isOpen &&
        html`<div class="chart-grid even">
        ${more.map((panel) => html`<${Panel} key=${panel.key} panel=${panel} store=${store} height=${SMALL} />`)}
      </div>`
      }
    </details>`
    }
  </section>`;
}

function Panel({ panel, store, height }) {
  const [isLogarithmic, setLogarithmic] = useState(false);
  const names = panel.names.join();
  useEffect(() => panel.names.forEach((name) => void store.load(name)), [store, names]);
  const lines = panel.names.map((name) => ({
    name,
    series: store.get(name),
    role: name.startsWith("validation/") ? "validation" : "train",
  }));
  return html`<${Chart} title=${panel.title} lines=${lines} height=${height} logarithmic=${isLogarithmic}>
    ${
      panel.logarithmic &&
      html`<button type="button" class="toggle" aria-pressed=${isLogarithmic} onClick=${() => setLogarithmic(!isLogarithmic)}>
      Log scale
    </button>`
    }
  <//>`;
}
