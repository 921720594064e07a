/**
 * The keeper's process: it makes the data directory, runs PostgreSQL on it, and outlives whoever forked it by as long as
 * it takes to clean up. It needs no signal for that: the channel to its parent closes however the parent ends.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { showThrown } from "../codec/show.js";
import { unprivilegedAccount } from "./account.js";
import type { KeeperReply, Command, Facts, KeeperOptions } from "./keeper.js";
import { Kit, PASSWORD_FILE } from "./kit.js";
import { Server } from "./server.js";

const options = JSON.parse(process.argv[2] ?? "") as KeeperOptions;
/** The data directory that goes when we go; a directory that the caller named stays. */
let made: string | undefined;
let server: Server | undefined;
let orphaned = false;
let last: Promise<void> = Promise.resolve();

process.title = "pg-baton embedded PostgreSQL keeper";
process.on("message", (command: Command) => {
  last = last.then(() => obey(command));
});
process.on("disconnect", () => {
  orphaned = true;
  // At once as well as in the line: a start that is under way must not be waited for.
  const stopped = stop();
  last = last.then(() => stopped).then(end);
});

async function obey(command: Command): Promise<void> {
  if (orphaned) return;
  try {
    answer({ ok: true, ...(await carryOut(command)) });
  } catch (error) {
    answer({ ok: false, message: showThrown(error) });
  }
}

async function carryOut(command: Command): Promise<Facts> {
  if (command.do === "prepare") return await prepare();
  if (server === undefined) throw new Error("There is no data directory to run PostgreSQL on.");
  if (command.do === "start") return { port: await server.start(command.port, command.settings) };
  await server.stop(command.mode);
  return {};
}

async function prepare(): Promise<Facts> {
  const account = await unprivilegedAccount();
  const kit = await Kit.open(options.installation, account);
  const directory = await dataDirectory(kit);
  server = new Server(kit, directory, account);
  // Only a cluster that someone else made has none.
  const password = await readFile(join(directory, PASSWORD_FILE), "utf8").catch(() => "");
  return { directory, password };
}

async function dataDirectory(kit: Kit): Promise<string> {
  if (options.directory === undefined) {
    made = await mkdtemp(join(tmpdir(), "pg-baton-data-"));
    await kit.furnish(made);
    return made;
  }
  await mkdir(options.directory, { recursive: true });
  const content = await readdir(options.directory);
  if (content.length === 0) await kit.furnish(options.directory);
  else if (!content.includes("PG_VERSION")) {
    throw new Error(`The directory ${options.directory} is not empty and holds no PostgreSQL data. Name another.`);
  }
  return options.directory;
}

async function end(): Promise<void> {
  await stop();
  if (made !== undefined) await rm(made, { recursive: true, force: true, maxRetries: 3 });
}

/** Nobody wants our own data any more; data in the caller's directory should be left tidy. */
async function stop(): Promise<void> {
  await server?.stop(made === undefined ? "fast" : "immediate");
}

function answer(message: KeeperReply): void {
  if (process.connected) process.send?.(message);
}
