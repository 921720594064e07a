export { BatonError } from "./errors.js";
