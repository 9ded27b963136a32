import { html } from "../html.js";

/** A sentence of the service, in which names stand between backticks. @param {{text: string}} props */
export function Prose({ text }) {
  return text.split("`").map((part, i) => (i % 2 ? html`<code key=${i}>${part}</code>` : part));
}
