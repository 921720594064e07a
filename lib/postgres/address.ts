import type pg from "pg";
import { InvalidOptionError } from "../errors.js";

/**
 * The `connection` option: a postgres:// URL or a config of pg's `Client`. The host may be a
 * list of hosts, as in libpq.
 */
export type Connection = string | pg.ClientConfig;

/** The parsed `connection` option: the servers that it names and the options to send to them. */
export interface Address {
  /** A config of pg's `Client` for each server, in the order to try them. Never empty. */
  readonly servers: readonly pg.ClientConfig[];
  /** The user's startup options, or "". */
  readonly options: string;
}

/** Values of `target_session_attrs` that allow for a session that takes writes. */
const SESSION_ATTRS = ["any", "read-write", "primary"];

/** Parameters of libpq that pg ignores. The user relies on them, so Baton refuses them. */
const UNSUPPORTED = [
  "hostaddr",
  "passfile",
  "service",
  "require_auth",
  "requirepeer",
  "replication",
  "sslcrl",
  "sslcrldir",
  "ssl_min_protocol_version",
  "ssl_max_protocol_version",
];

/** Baton sets these as startup options. Parameters of their own would override them. */
const OVERRULED = [
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "query_timeout",
] as const;

const FORM = "a postgres:// URL such as postgres://user:password@host:5432/database, or a config object of pg's Client";

/**
 * Parses the `connection` option.
 *
 * @throws {@link InvalidOptionError} if it is malformed or asks for something that pg cannot do.
 */
export function addressOf(connection: unknown): Address {
  if (connection === undefined || connection === "") {
    throw new InvalidOptionError("connection", `is missing: pass ${FORM}`);
  }
  if (typeof connection === "string") return ofUrl(connection);
  if (typeof connection !== "object" || connection === null)
    throw new InvalidOptionError("connection", `must be ${FORM}`);
  const { connectionString, options = "", ...rest } = connection as pg.ClientConfig;
  const config = withoutOverruled(rest);
  if (connectionString === undefined) {
    return {
      servers: hostsOf(config.host).map((host) => (host === undefined ? config : { ...config, host })),
      options,
    };
  }
  const address = ofUrl(connectionString);
  return {
    servers: address.servers.map((server) => ({ ...config, ...server })),
    options: [options, address.options].filter(Boolean).join(" "),
  };
}

function ofUrl(url: string): Address {
  const [, scheme, authority, path = "", query = ""] =
    /^(postgres(?:ql)?:\/\/)([^/?]*)(\/[^?]*)?(?:\?(.*))?$/.exec(url) ?? [];
  if (scheme === undefined || authority === undefined) throw new InvalidOptionError("connection", `must be ${FORM}`);
  const parameters = new URLSearchParams(query);
  checkParameters(parameters);
  const options = parameters.get("options") ?? "";
  const seconds = Number(parameters.get("connect_timeout") ?? 0);
  const config = seconds > 0 ? { connectionTimeoutMillis: 1_000 * seconds } : {};
  const at = authority.lastIndexOf("@") + 1;
  const hosts = endpointsOf(authority.slice(at), parameters);
  for (const name of ["options", "target_session_attrs", "load_balance_hosts", "connect_timeout", ...OVERRULED]) {
    parameters.delete(name);
  }
  const rest = parameters.size === 0 ? "" : `?${parameters.toString()}`;
  const servers = hosts.map((host) => {
    const connectionString = scheme + authority.slice(0, at) + host + path + rest;
    if (!URL.canParse(connectionString)) throw new InvalidOptionError("connection", `must be ${FORM}`);
    return { ...config, connectionString };
  });
  return { servers, options };
}

/** The hosts with their ports: the parameters' if they list several, else the authority's. */
function endpointsOf(authority: string, parameters: URLSearchParams): string[] {
  const hosts = parameters.get("host")?.split(",") ?? [];
  if (hosts.length < 2) return authority.split(",");
  const ports = parameters.get("port")?.split(",") ?? [];
  parameters.delete("host");
  parameters.delete("port");
  return hosts.map((host, index) => {
    const port = ports.length === 1 ? ports[0] : ports[index];
    return port ? `${encodeURIComponent(host)}:${port}` : encodeURIComponent(host);
  });
}

function checkParameters(parameters: URLSearchParams): void {
  const refuse = (problem: string): never => {
    throw new InvalidOptionError("connection", problem);
  };
  const attrs = parameters.get("target_session_attrs");
  if (attrs !== null && !SESSION_ATTRS.includes(attrs)) {
    refuse(`has target_session_attrs=${attrs}, but Baton needs to write: use one of ${SESSION_ATTRS.join(", ")}`);
  }
  const balance = parameters.get("load_balance_hosts");
  if (balance !== null && balance !== "disable") {
    refuse(`has load_balance_hosts=${balance}, but Baton tries the hosts in order: remove it`);
  }
  if (parameters.get("gssencmode") === "require")
    refuse("has gssencmode=require, but pg does not support GSSAPI: use sslmode");
  for (const name of UNSUPPORTED) {
    if (parameters.has(name))
      refuse(`has ${name}, which pg does not support: remove it, or pass an object with ssl or password`);
  }
}

/** The hosts of a config; undefined leaves the host to the environment and pg's default. */
function hostsOf(host: string | undefined): (string | undefined)[] {
  return host === undefined || host.startsWith("/") ? [host] : host.split(",");
}

/** A copy of the config without the timeouts that Baton sets. */
function withoutOverruled(config: pg.ClientConfig): pg.ClientConfig {
  const rest = { ...config };
  for (const name of OVERRULED) delete rest[name];
  return rest;
}
