import { randomBytes } from "node:crypto";
import { Worker } from "node:worker_threads";
import pg from "pg";
import { Threads } from "../lib/runner/threads/threads.js";
import { answerWith } from "../lib/job/answer.js";
import type { ClaimedJob } from "../lib/job/job.js";
import { Database } from "../lib/postgres/database.js";
import { Engine } from "../lib/engine/engine.js";
import { migrate } from "../lib/engine/migrations.js";
import type { InsertRow } from "../lib/engine/insert.js";
import { Telemetry } from "../lib/telemetry.js";
import { TABLE } from "./support/floor.js";
import type { Bench, Contender, Figures, Line, Question } from "./support/question.js";
import { percentile } from "./support/stats.js";
import { Noop } from "./workers/noop.js";

const SAMPLES = 200;
const BATCHES = [1, 100] as const;
const STAGES = ["insert", "claim", "complete"] as const;
const HOST = "bench";

/** Shows where a regression is. */
export const stages: Question = {
  scope: "stages",
  title: "each stage by itself",
  about:
    "One connection, one statement at a time; the time of a batch is that of all its rows. Completions notify an " +
    "awaiter. Floor: a bare insert, update with skip locked, and update with pg_notify, on a table with no more than " +
    "these need; postMessage to a bare worker thread.",
  lines: [...BATCHES.flatMap((rows) => STAGES.map((stage) => line(labelOf(stage, rows)))), line("thread and back")],
  open: async (bench) => [await baton(bench), await bare(bench)],
};

function line(label: string): Line {
  return { label, unit: "µs", of: ["baton", label], against: ["bare", label] };
}

async function baton(bench: Bench): Promise<Contender> {
  const telemetry = new Telemetry("bench");
  const database = new Database(await bench.database(), "bench", telemetry);
  await database.start();
  await migrate(database, "baton");
  const engine = new Engine(database, "baton", HOST);
  await engine.register({ name: "bench", queues: {}, workers: ["noop"], version: "0", lockKey: null });
  const threads = new Threads({ size: 1, resultLimit: 8_192, telemetry });
  await threads.start();
  const answer = answerWith("v", { encoding: "b", bytes: Buffer.from("result") });
  const transition = { state: "completed", delay: 0, counted: true, error: null, answer } as const;
  return contender("baton", {
    insert: (rows) => engine.insert(Array.from({ length: rows }, newRow)),
    claim: async (rows) => (await engine.claim("bench", rows)).jobs,
    complete: (jobs) => engine.complete(jobs.map(({ id, claim }) => ({ id, claim, transition, awaited: true }))),
    trip: (job) => threads.run(job, Noop.url),
    close: () => Promise.all([database.stop(), threads.stop()]),
  });
}

function newRow(): InsertRow {
  const ref = randomBytes(16).toString("base64url");
  const options = { meta: {}, tags: [], priority: 0, maxAttempts: 20, scheduledAt: null, scheduleIn: null };
  return { worker: "noop", queue: "bench", args: '{"int":2}', ...options, ref, replyTo: "elsewhere", claimed: false };
}

const INSERT = "insert into floor (ref, state, args, reply_to) select gen_random_uuid(), 1, '{\"int\":2}', 'elsewhere'";
const CLAIM = `update floor set state = 2 where id = any(array(
  select id from floor where state = 1 order by id limit $1 for update skip locked)) returning id, args`;
const COMPLETE = `update floor set state = 4, result = 'result' where id = any($1) and state = 2
  returning id, pg_notify(reply_to, ref || result)`;

async function bare(bench: Bench): Promise<Contender> {
  const client = new pg.Client({ connectionString: await bench.database(), options: "-c enable_seqscan=off" });
  await client.connect();
  await client.query(TABLE);
  const worker = new Worker(ECHO, { eval: true });
  return contender<{ id: string }>("bare", {
    insert: (rows) =>
      client.query({ name: `insert_${rows}`, text: `${INSERT} from generate_series(1, ${rows}) returning id` }),
    claim: async (rows) => (await client.query<{ id: string }>({ name: "claim", text: CLAIM, values: [rows] })).rows,
    complete: (jobs) => client.query({ name: "complete", text: COMPLETE, values: [jobs.map(({ id }) => id)] }),
    trip: () => {
      const back = new Promise((resolve) => worker.once("message", resolve));
      worker.postMessage("");
      return back;
    },
    close: () => Promise.all([client.end(), worker.terminate()]),
  });
}

const ECHO = `const { parentPort } = require("node:worker_threads"); parentPort.on("message", (m) => parentPort.postMessage(m));`;

/** The stages of one contender. */
interface Steps<Job> {
  insert(rows: number): Promise<unknown>;
  claim(rows: number): Promise<readonly Job[]>;
  complete(jobs: readonly Job[]): Promise<unknown>;
  /** Sends a job, or a message, to a thread and back. */
  trip(job: Job): Promise<unknown>;
  close(): Promise<unknown>;
}

function contender<Job = ClaimedJob>(name: string, steps: Steps<Job>): Contender {
  const round = async (): Promise<Figures> => {
    const samples: Record<string, number[]> = {};
    const timed = async <Result>(label: string, work: () => Promise<Result>): Promise<Result> => {
      const start = performance.now();
      const result = await work();
      (samples[label] ??= []).push((performance.now() - start) * 1_000);
      return result;
    };
    let [job]: readonly Job[] = [];
    for (const rows of BATCHES) {
      for (let at = 0; at < SAMPLES / Math.sqrt(rows); at += 1) {
        await timed(labelOf("insert", rows), () => steps.insert(rows));
        const jobs = await timed(labelOf("claim", rows), () => steps.claim(rows));
        await timed(labelOf("complete", rows), () => steps.complete(jobs));
        [job] = jobs;
      }
    }
    for (let at = 0; at < SAMPLES; at += 1) await timed("thread and back", () => steps.trip(job as Job));
    return Object.fromEntries(Object.entries(samples).map(([label, list]) => [label, percentile(list, 50)]));
  };
  return { name, round, close: async () => void (await steps.close()) };
}

function labelOf(stage: string, rows: number): string {
  return `${stage}, ${rows} row${rows > 1 ? "s" : ""}`;
}
