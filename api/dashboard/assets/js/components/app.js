import { useEffect, useErrorBoundary, useMemo, useRef, useState } from "../../vendor/preact/hooks.js";
import { ApiContext } from "../hooks/use-api.js";
import { html } from "../html.js";
import { Api } from "../http.js";
import { useRoute } from "../router.js";
import { forgetKey, rememberKey, storedKey } from "../session.js";
import { JobPage } from "./job-page.js";
import { JobsPage } from "./jobs-page.js";
import { Notice } from "./notice.js";
import { Shell } from "./shell.js";
import { SignIn } from "./sign-in.js";
import { SubmitPage } from "./submit-page.js";

/** The whole page: the sign-in, or the room that the address names. */
export function App() {
  const [key, setKey] = useState(storedKey);
  const [message, setMessage] = useState("");
  const route = useRoute();
  const place = `${route.room}/${route.id}`;

  const signOut = (why = "") => {
    forgetKey();
    setMessage(why);
    setKey(null);
  };
  const api = useMemo(() => key && new Api(key, () => signOut("The service no longer accepts this key.")), [key]);
  useFocusOnArrival(place);

  if (!api) return html`<${SignIn} message=${message} onKey=${(fresh) => (rememberKey(fresh), setKey(fresh))} />`;
  return html`<${ApiContext.Provider} value=${api}>
    <${Shell} room=${route.room} onSignOut=${() => signOut()}>
      <${Room} key=${place} route=${route} />
    <//>
  <//>`;
}

/** A fault in one room leaves the way to the others open. */
function Room({ route }) {
  const [fault, tryAgain] = useErrorBoundary();
  if (fault)
    return html`<${Notice} problem=${new Error(`This page has a fault: ${fault.message}`)}>
      <button type="button" onClick=${tryAgain}>Try again</button>
    <//>`;
  if (route.room === "job") return html`<${JobPage} id=${route.id} />`;
  if (route.room === "submit") return html`<${SubmitPage} />`;
  return html`<${JobsPage} query=${route.query} />`;
}

/** Puts the focus on the new room, so that keyboard and screen reader start there. */
function useFocusOnArrival(place) {
  const previous = useRef(place);
  useEffect(() => {
    if (previous.current === place) return;
    previous.current = place;
    scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [place]);
}
