import { createContext } from "../../vendor/preact/preact.js";
import { useContext } from "../../vendor/preact/hooks.js";

/** The signed-in client, for everything below the sign-in. */
export const ApiContext = createContext(/** @type {import("../http.js").Api|null} */ (null));

/** @returns {import("../http.js").Api} */
export function useApi() {
  const api = useContext(ApiContext);
  if (!api) throw new Error("useApi is called outside of the signed-in part of the page");
  return api;
}
