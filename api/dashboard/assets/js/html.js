/** Tagged templates that build preact elements: every interpolated string becomes a text node, never markup. */
import htm from "../vendor/htm/htm.js";
import { h } from "../vendor/preact/preact.js";

export const html = htm.bind(h);
