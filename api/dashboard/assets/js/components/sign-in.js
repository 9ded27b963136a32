import { useState } from "../../vendor/preact/hooks.js";
import { html } from "../html.js";
import { Api } from "../http.js";
import { Brand } from "./brand.js";
import { Notice } from "./notice.js";

/** Asks for a key and tries it before it is kept. @param {{onKey: (key: string) => void, message: string}} props */
export function SignIn({ onKey, message }) {
  const [key, setKey] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(/** @type {Error|null} */ (message ? new Error(message) : null));

  async function tryKey(event) {
    event.preventDefault();
    setBusy(true);
    try {
      if (!/^[\x21-\x7e]+$/.test(key.trim())) throw new Error("A key has only letters, digits and underscores.");
      await new Api(key.trim()).json("v1/jobs", { query: { limit: 1 } });
      onKey(key.trim());
    } catch (error) {
      setProblem(
        error.status === 401 ? new Error("This key is not valid. It may be mistyped, expired or revoked.") : error,
      );
      setBusy(false);
    }
  }

  return html`<main class="sign-in" id="main">
    <${Brand} />
    <h1>Sign in</h1>
    <form onSubmit=${tryKey}>
      <label for="key">Key</label>
      <input id="key" type="password" autocomplete="off" autocapitalize="off" spellcheck="false" required autofocus
        placeholder="ty_…" value=${key} onInput=${(event) => setKey(event.currentTarget.value)} />
      <button class="primary" disabled=${isBusy}>${isBusy ? "Checking" : "Sign in"}</button>
      <${Notice} problem=${problem} />
    </form>
    <p class="quiet">
      The first start of the service writes an admin key to <code>admin.key</code> in its data folder. This tab forgets the key
      when it is closed.
    </p>
  </main>`;
}
