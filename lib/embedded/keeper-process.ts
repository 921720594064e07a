/**
 * The keeper's process: creates the data directory, runs PostgreSQL on it, and
 * cleans up after its parent has ended. The channel to the parent closes however the
 * parent ends, so no signal is needed.
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
/** The temporary data directory, deleted at the end. Undefined if the caller named a directory. */
let temporary: string | undefined;
let server: Server | undefined;
/** Whether the parent has ended or closed the channel. */
let orphaned = false;
/** Settles with the last command. Commands are carried out in order. */
let last: Promise<void> = Promise.resolve();

process.title = "pg-baton embedded PostgreSQL keeper";
process.on("message", (command: Command) => {
  last = last.then(() => carryOut(command));
});
process.on("disconnect", () => {
  orphaned = true;
  // Stops at once, without waiting for a start under way, and again once that has settled.
  const stopped = stop();
  last = last.then(() => stopped).then(end);
});

async function carryOut(command: Command): Promise<void> {
  if (orphaned) return;
  try {
    reply({ ok: true, ...(await resultOf(command)) });
  } catch (error) {
    reply({ ok: false, message: showThrown(error) });
  }
}

async function resultOf(command: Command): Promise<Facts> {
  if (command.do === "prepare") return await prepare();
  if (server === undefined)
    throw new Error(`Cannot ${command.do} PostgreSQL: there is no data directory yet. Prepare it first.`);
  if (command.do === "start") return { port: await server.start(command.port, command.settings) };
  await server.stop(command.mode);
  return {};
}

async function prepare(): Promise<Facts> {
  const account = await unprivilegedAccount();
  const kit = await Kit.open(options.installation, account);
  const directory = await dataDirectory(kit);
  server = new Server(kit, directory, account);
  // A cluster that was not created by Baton has no such file.
  const password = await readFile(join(directory, PASSWORD_FILE), "utf8").catch(() => "");
  return { directory, password };
}

async function dataDirectory(kit: Kit): Promise<string> {
  if (options.directory === undefined) {
    temporary = await mkdtemp(join(tmpdir(), "pg-baton-data-"));
    await kit.furnish(temporary);
    return temporary;
  }
  await mkdir(options.directory, { recursive: true });
  const content = await readdir(options.directory);
  if (content.length === 0) await kit.furnish(options.directory);
  else if (!content.includes("PG_VERSION")) {
    throw new Error(
      `The directory ${options.directory} is not empty and contains no PostgreSQL data. Name another directory.`,
    );
  }
  return options.directory;
}

async function end(): Promise<void> {
  await stop();
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
}

/** Temporary data need no checkpoint; data in the caller's directory do. */
async function stop(): Promise<void> {
  await server?.stop(temporary === undefined ? "fast" : "immediate");
}

function reply(message: KeeperReply): void {
  if (process.connected) process.send?.(message);
}
