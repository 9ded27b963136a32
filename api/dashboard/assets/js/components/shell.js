import { html } from "../html.js";
import { listHref } from "../router.js";
import { Brand } from "./brand.js";

/** What surrounds every room. @param {{room: string, onSignOut: () => void, children: any}} props */
export function Shell({ room, onSignOut, children }) {
  const current = (name) => (room === name ? "page" : undefined);
  return html`
    <a class="skip" href="#main" onClick=${focusMain}>Skip to content</a>
    <header class="top">
      <a class="home" href=${listHref()} aria-label="Trainyard, all jobs"><${Brand} /></a>
      <nav aria-label="Rooms">
        <a href=${listHref()} aria-current=${current("jobs")}>Jobs</a>
        <a href="#/submit" aria-current=${current("submit")}>New job</a>
      </nav>
      <button type="button" class="plain" onClick=${onSignOut}>Sign out</button>
    </header>
    <main id="main" tabindex="-1">${children}</main>
  `;
}

/** The address after the # names a room here, so the skip link must not change it. */
function focusMain(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
