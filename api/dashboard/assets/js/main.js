/** Starts the page. */
import { render } from "../vendor/preact/preact.js";
import { App } from "./components/app.js";
import { html } from "./html.js";

render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
