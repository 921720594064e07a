import pg from "pg";
import type { Address } from "./address.js";
import { sqlState } from "./failure.js";
import { type Limits, startupOptions } from "./settings.js";

/** SQLSTATE classes of refusals that startup options have nothing to do with: who asks, for what, and whether there is room. */
const OTHER_REFUSALS = new Set(["28", "3D", "53", "57"]);
/** What poolers say of startup options, where they give no SQLSTATE. */
const OPTIONS_REFUSED = /startup parameter|command-line option|startup option/i;

/** The way to a server that takes writes: which of those named it is, and what must not be sent to it. */
export class Route {
  readonly #address: Address;
  /** The index of the server that new connections go to. */
  #current = 0;
  /** The server that took writes last; -1 before the first. */
  #settled = -1;
  #takesOptions = true;
  /** Rises when what was connected before may be at a server that takes no writes. */
  #epoch = 0;

  constructor(address: Address) {
    this.#address = address;
  }

  /** How many servers there are to try. */
  get length(): number {
    return this.#address.servers.length;
  }

  /** The servers, as errors name them. */
  names(): string {
    const clients = this.#address.servers.map((server) => new pg.Client(server));
    return `${clients.map(({ host, port }) => `${host}:${port}`).join(", ")}/${clients[0]?.database}`;
  }

  /** The role that connects. */
  get user(): string {
    return new pg.Client(this.#address.servers[this.#current]).user ?? "";
  }

  /** The server to connect to now, as an index. */
  get current(): number {
    return this.#current;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** What pg's `Client` takes to connect to the current server, with these limits. */
  config(limits: Limits): pg.ClientConfig {
    const options = this.#takesOptions ? startupOptions(this.#address.options, limits) : this.#address.options;
    return { ...this.#address.servers[this.#current], ...(options === "" ? {} : { options }) };
  }

  /** That server took a connection, and takes writes. */
  settle(server: number): void {
    if (this.#settled !== -1 && this.#settled !== server) this.#epoch += 1;
    this.#settled = server;
  }

  /** That server could not be used: the next connection goes to the next one. */
  avoid(server: number): void {
    if (this.#current === server) this.#current = (server + 1) % this.length;
  }

  /** That server turned out to take no writes: its connections are of no more use. */
  leave(server: number): void {
    this.#epoch += 1;
    this.avoid(server);
  }

  /** Whether connecting again, without startup options, may help after this error. They are sent no more if so. */
  refusesOptions(error: unknown): boolean {
    if (!this.#takesOptions) return false;
    const state = sqlState(error);
    const refused = state === null ? OPTIONS_REFUSED.test(String(error)) : !OTHER_REFUSALS.has(state.slice(0, 2));
    if (refused) this.#takesOptions = false;
    return refused;
  }
}
