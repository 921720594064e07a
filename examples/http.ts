/**
 * Awaits jobs in an HTTP handler. Responds with the value if it arrives in time (WAIT, 2,000 ms),
 * else with 202 and the address to ask for it later.
 *
 *   node dist/examples/http.js
 *   curl -s 'localhost:3000/double?int=21'
 *   curl -s 'localhost:3000/burn?ms=5000'
 *
 * In a project of your own, import from "pg-baton" and "pg-baton/embedded".
 */
import { createServer, type ServerResponse } from "node:http";
import { Baton, InvalidRelayError, type Relay } from "../lib/index.js";
import Burn from "./workers/burn.js";
import Double from "./workers/double.js";
import { openDatabase } from "./database.js";

const WAIT = Number(process.env.WAIT ?? 2_000);
const database = await openDatabase();

// One process, to keep the example short. In production leave the queues out here, and run
// `pg-baton host` on as many machines as you like.
const baton = await new Baton({ connection: database.url, queues: { default: 4 }, workers: [Burn, Double] }).start();

const http = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  // #region untrusted
  answer(url, response).catch((error: unknown) => {
    if (error instanceof InvalidRelayError || error instanceof SyntaxError)
      return reply(response, 400, { error: error.message });
    console.error(error);
    return reply(response, 500, { error: "internal error" });
  });
  // #endregion
});

async function answer(url: URL, response: ServerResponse): Promise<void> {
  switch (url.pathname) {
    case "/double": {
      const int = url.searchParams.get("int") ?? "";
      if (!/^-?\d{1,15}$/.test(int)) return reply(response, 400, { error: "int must be an integer" });
      return answerWith(await baton.async(Double.new({ int: Number(int) })), response);
    }
    case "/burn": {
      const ms = url.searchParams.get("ms") ?? "";
      if (!/^\d{1,5}$/.test(ms)) return reply(response, 400, { error: "ms must be an integer from 0 to 99999" });
      return answerWith(await baton.async(Burn.new({ ms: Number(ms) })), response);
    }
    case "/result":
      // A relay is plain data: any process can await it, also this one after a restart.
      return answerWith(JSON.parse(url.searchParams.get("ticket") ?? "null") as Relay<number>, response);
    default:
      return reply(response, 404, { error: "there are /double?int=…, /burn?ms=… and /result?ticket=…" });
  }
}

// #region handler
async function answerWith(relay: Relay<number>, response: ServerResponse): Promise<void> {
  // The await ends when the client hangs up. The job goes on.
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const result = await baton.await(relay, { timeout: WAIT, signal: gone.signal }).catch((error: unknown) => {
    if (gone.signal.aborted) return null;
    throw error;
  });
  if (result === null) return;
  if (result.ok) return reply(response, 200, { value: result.value, via: result.via });
  if (result.error === "timeout") {
    const ticket = encodeURIComponent(JSON.stringify(relay));
    return reply(response, 202, { result: `/result?ticket=${ticket}`, job: result.job });
  }
  return reply(response, 422, { error: result.error instanceof Error ? result.error.message : result.error });
}
// #endregion

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}

http.listen(Number(process.env.PORT ?? 3_000), "127.0.0.1", () => {
  const address = http.address();
  console.log(`listening on http://127.0.0.1:${typeof address === "object" ? address?.port : address}`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    http.close();
    http.closeAllConnections();
    void baton.stop().then(() => database[Symbol.asyncDispose]());
  });
}
