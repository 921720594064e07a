/**
 * Awaiting a job in an HTTP handler. The value, if it comes in time; else 202 with a ticket, to ask for the result later.
 *
 *   node dist/examples/http.js
 *   curl -s 'localhost:3000/double?int=21'
 *
 * In a project of your own, import from "pg-baton" and "pg-baton/embedded".
 */
import { createServer, type ServerResponse } from "node:http";
import { startEmbedded } from "../lib/embedded.js";
import { Baton, InvalidRelayError, type Relay } from "../lib/index.js";
import Double from "../workers/double.js";

const server = process.env.DATABASE_URL ? null : await startEmbedded();
const connection = process.env.DATABASE_URL ?? server?.url ?? "";

// One process for the example's sake: leave the queues out here, and run `npx pg-baton host` on as many machines as you like.
const baton = await new Baton({ connection, queues: { default: 4 }, workers: [Double] }).start();

const http = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  answer(url, response).catch((error: unknown) => {
    if (error instanceof InvalidRelayError || error instanceof SyntaxError)
      return reply(response, 400, { error: error.message });
    console.error(error);
    return reply(response, 500, { error: "internal error" });
  });
});

async function answer(url: URL, response: ServerResponse): Promise<void> {
  switch (url.pathname) {
    case "/double": {
      const int = Number(url.searchParams.get("int") ?? Number.NaN);
      if (!Number.isFinite(int)) return reply(response, 400, { error: "int must be a number" });
      return answerWith(await baton.async(Double.new({ int })), response);
    }
    case "/result":
      // A relay is plain data: any process can await it, this one after a restart too.
      return answerWith(JSON.parse(url.searchParams.get("ticket") ?? "null") as Relay<number>, response);
    default:
      return reply(response, 404, { error: "there are /double?int=… and /result?ticket=…" });
  }
}

async function answerWith(relay: Relay<number>, response: ServerResponse): Promise<void> {
  // When the client hangs up, nobody waits any more; the job goes on.
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const result = await baton.await(relay, { timeout: 2_000, signal: gone.signal }).catch((error: unknown) => {
    if (gone.signal.aborted) return null;
    throw error;
  });
  if (result === null) return;
  if (result.ok) return reply(response, 200, { value: result.value, via: result.via });
  if (result.error === "timeout") return reply(response, 202, { ticket: JSON.stringify(relay), job: result.job });
  return reply(response, 422, { error: result.error instanceof Error ? result.error.message : result.error });
}

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
    void baton.stop().then(() => server?.remove());
  });
}
