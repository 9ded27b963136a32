import { useState } from "../../vendor/preact/hooks.js";
import { useApi } from "../hooks/use-api.js";
import { html } from "../html.js";
import { jobPath } from "../http.js";
import { actionsFor } from "../status.js";
import { ConfirmDialog } from "./confirm-dialog.js";
import { Notice } from "./notice.js";

/**
 * What may be asked of the job now; what cannot be taken back is asked twice.
 *
 * @param {{job: import("../types.js").Job, isStopping: boolean, onChanged: () => Promise<void>}} props
 */
export function Controls({ job, isStopping, onChanged }) {
  const api = useApi();
  const [asking, setAsking] = useState(/** @type {import("../status.js").Action|null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Error|null} */ (null));

  async function perform(action) {
    setAsking(null);
    setBusy(true);
    try {
      await api.json(`${jobPath(job.id)}/${action.verb}`, { method: "POST" });
      setProblem(null);
    } catch (error) {
      setProblem(error);
    }
    await onChanged();
    setBusy(false);
  }

  const actions = actionsFor(job.status).filter(({ verb }) => !(isStopping && verb === "stop"));
  return html`<div class="controls" role="group" aria-label="Control this job">
    ${actions.map(
      (
        action,
      ) => html`<button type="button" key=${action.verb} class=${action.danger ? "danger" : ""} disabled=${isBusy}
      onClick=${() => (action.confirm ? setAsking(action) : perform(action))}>${action.label}</button>`,
    )}
    ${
      asking?.confirm &&
      html`<${ConfirmDialog}
      ...${asking.confirm}
      danger=${asking.danger}
      onYes=${() => perform(asking)}
      onNo=${() => setAsking(null)}
    />`
    }
    <${Notice} problem=${problem} />
  </div>`;
}
