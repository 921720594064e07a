import { get } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TestServer } from "./test-server.js";

const IMAGE = "postgres:18-alpine";

/**
 * Whether there is a container engine. Checked first, since testcontainers
 * takes 0.7 s to load, engine or not.
 */
export async function engineAnswers(): Promise<boolean> {
  const { DOCKER_HOST, XDG_RUNTIME_DIR } = process.env;
  const desktop = [".docker/run/docker.sock", ".docker/desktop/docker.sock"].map((path) => join(homedir(), path));
  const rootless = XDG_RUNTIME_DIR === undefined ? [] : [join(XDG_RUNTIME_DIR, "docker.sock")];
  const sockets = ["/var/run/docker.sock", ...rootless, ...desktop].map((path) => `unix://${path}`);
  const answers = await Promise.all((DOCKER_HOST === undefined ? sockets : [DOCKER_HOST]).map(ping));
  return answers.includes(true);
}

/** Starts PostgreSQL in a container. Loads testcontainers. */
export async function startContainer(): Promise<TestServer> {
  const [{ PostgreSqlContainer }, { Wait }] = await Promise.all([
    import("@testcontainers/postgresql"),
    import("testcontainers"),
  ]);
  const container = await new PostgreSqlContainer(IMAGE)
    .withCommand(["postgres", "-c", "fsync=off", "-c", "max_connections=200"])
    // The image starts the server twice: once to set itself up, then for good.
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start();
  const stop = async (): Promise<void> => {
    await container.stop();
  };
  return { url: container.getConnectionUri(), kind: `container ${IMAGE}`, stop };
}

function ping(address: string): Promise<boolean> {
  const url = new URL(address);
  const where = url.protocol === "unix:" ? { socketPath: url.pathname } : { host: url.hostname, port: url.port };
  return new Promise((resolve) => {
    const request = get({ ...where, path: "/_ping", timeout: 1_000, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy());
    request.once("close", () => resolve(false));
    // `close` follows, and reports that there is no engine.
    request.once("error", () => undefined);
  });
}
