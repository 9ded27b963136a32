import { useEffect, useRef } from "../../vendor/preact/hooks.js";
import { html } from "../html.js";

/**
 * Asks before something that cannot be taken back. The browser's own dialog holds the focus and closes on Escape.
 *
 * @param {{question: string, consequence: string, yes: string, danger?: boolean, onYes: () => void, onNo: () => void}} props
 */
export function ConfirmDialog({ question, consequence, yes, danger, onYes, onNo }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => dialog.current?.showModal(), []);
  return html`<dialog ref=${dialog} aria-labelledby="confirm-question" onClose=${onNo}>
    <h2 id="confirm-question">${question}</h2>
    <p>${consequence}</p>
    <div class="choices">
      <button type="button" autofocus onClick=${onNo}>Not now</button>
      <button type="button" class=${danger ? "danger solid" : "primary"} onClick=${onYes}>${yes}</button>
    </div>
  </dialog>`;
}
