import pg from "pg";
import type { Address } from "./address.js";
import { sqlState } from "./failure.js";
import { type Limits, startupOptions } from "./settings.js";

/**
 * SQLSTATE classes of refusals that do not depend on startup options: role, database, resources,
 * shutdown.
 */
const OTHER_REFUSALS = new Set(["28", "3D", "53", "57"]);
/** The messages of poolers that refuse startup options without an SQLSTATE. */
const OPTIONS_REFUSED = /startup parameter|command-line option|startup option/i;

/**
 * Which of the address's servers new connections go to, and what they send at startup. All
 * connections of a database share one route and report to it what they find: this is how they
 * follow a failover.
 */
export class Route {
  readonly #address: Address;
  /** The index of the server that new connections go to. */
  #current = 0;
  /** The index of the last server known to take writes; -1 before the first. */
  #settled = -1;
  /** False once a pooler has refused startup options. */
  #takesOptions = true;
  /** Rises when older connections may lead to a server that takes no writes any more. */
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

  /** The index of the server to connect to now. */
  get current(): number {
    return this.#current;
  }

  /** A connection made in an earlier epoch may lead to a server that takes no writes any more. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The config of a `pg.Client` that connects to the current server with these limits. */
  config(limits: Limits): pg.ClientConfig {
    const options = this.#takesOptions ? startupOptions(this.#address.options, limits) : this.#address.options;
    return { ...this.#address.servers[this.#current], ...(options === "" ? {} : { options }) };
  }

  /** Records that a server accepted a connection and takes writes. */
  settle(server: number): void {
    if (this.#settled !== -1 && this.#settled !== server) this.#epoch += 1;
    this.#settled = server;
  }

  /** Records that a connection to a server failed: the next one goes to the next server. */
  avoid(server: number): void {
    if (this.#current === server) this.#current = (server + 1) % this.length;
  }

  /** Records that a connected server turned out to take no writes. */
  leave(server: number): void {
    this.#epoch += 1;
    this.avoid(server);
  }

  /**
   * Whether a connection without startup options may succeed after this error. If so, no more are
   * sent.
   */
  refusesOptions(error: unknown): boolean {
    if (!this.#takesOptions) return false;
    const state = sqlState(error);
    const refused = state === null ? OPTIONS_REFUSED.test(String(error)) : !OTHER_REFUSALS.has(state.slice(0, 2));
    if (refused) this.#takesOptions = false;
    return refused;
  }
}
