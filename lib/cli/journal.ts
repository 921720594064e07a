import { isError } from "../codec/error-classes.js";
import { subscribe } from "node:diagnostics_channel";
import type { TelemetryEvent, TelemetryEvents } from "../telemetry.js";

type Told = { [Event in TelemetryEvent]?: (event: TelemetryEvents[Event]) => string | null };

/** What an operator should hear of, one line each; null where it is no news. */
const LINES: Told = {
  "notifier:mode": ({ mode, reason }) => (mode === "polling" ? `results are polled for: ${reason}` : null),
  "notifier:connection": ({ connected, error }) =>
    connected ? "listens to the database again" : `lost the connection that listens: ${textOf(error)}`,
  "batch:retry": ({ batch, size, delay, error }) =>
    `${batch} of ${size} will be tried again in ${Math.round(delay)} ms: ${textOf(error)}`,
  "service:error": ({ service, error }) => `${service} failed and will try again: ${textOf(error)}`,
  "claim:lost": ({ id }) => `job ${id} was taken away from this host: its outcome does not count`,
  rescue: ({ host, jobs, discarded }) =>
    `host ${host} is dead: ${jobs} of its jobs rescued, ${discarded} of these discarded`,
  "host:lost": () => "other hosts took this one for dead: its jobs are theirs, it goes on with others",
  quarantine: ({ id }) => `job ${id} has taken process after process down: it is discarded`,
  "job:stray": ({ id, worker, error }) =>
    `thrown outside of its job, by ${id === null ? "nobody known" : `job ${id} of ${worker}`}: ${textOf(error)}`,
};

/** Writes down what a host cannot tell anybody else: trouble with the database, and what its jobs leave lying about. */
export function keepJournal(write: (line: string) => void): void {
  for (const [event, line] of Object.entries(LINES) as [string, (event: unknown) => string | null][]) {
    subscribe(`pg-baton:${event}`, (payload) => {
      const text = line(payload);
      if (text !== null) write(text);
    });
  }
}

function textOf(error: unknown): string {
  return isError(error) ? error.message || error.name : String(error);
}
