/** Which room is shown is written after the `#`, so the server knows one page only and the back button works. */
import { useEffect, useState } from "../vendor/preact/hooks.js";

/** @typedef {{room: "jobs"|"job"|"submit", id: string, query: URLSearchParams}} Route */

/** @param {string} hash as in `location.hash` @returns {Route} the list for anything unknown */
export function parseRoute(hash) {
  const [path, search = ""] = hash.replace(/^#/, "").split("?", 2);
  const [, room = "", id = ""] = path.split("/");
  const query = new URLSearchParams(search);
  if (room === "jobs" && id) return { room: "job", id: decoded(id), query };
  if (room === "submit") return { room: "submit", id: "", query };
  return { room: "jobs", id: "", query };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} id @returns {string} */
export function jobHref(id) {
  return `#/jobs/${encodeURIComponent(id)}`;
}

/** @param {{status?: string, label?: string}} filters @returns {string} */
export function listHref(filters = {}) {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return query.size ? `#/?${query}` : "#/";
}

/** @returns {Route} the current route; the component is drawn again when it changes */
export function useRoute() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return parseRoute(hash);
}
