/** The key lives in this tab's session storage and nowhere else: not in a URL, a cookie or local storage. */

const SLOT = "trainyard.key";

/** @returns {string|null} the key this tab is signed in with */
export function storedKey() {
  return sessionStorage.getItem(SLOT);
}

/** @param {string} key */
export function rememberKey(key) {
  sessionStorage.setItem(SLOT, key);
}

/** Signs this tab out. */
export function forgetKey() {
  sessionStorage.removeItem(SLOT);
}
