/** The same work for bare Piscina, which wants a default export. */
export { workOnce as default } from "./work.js";
