import { isError } from "../codec/error-classes.js";
import { subscribe } from "node:diagnostics_channel";
import type { TelemetryEvent, TelemetryEvents } from "../telemetry.js";

type Lines = { [Event in TelemetryEvent]?: (event: TelemetryEvents[Event]) => string | null };

/** The line for each event that concerns operators; null for an occurrence that does not. */
const LINES: Lines = {
  "notifier:mode": ({ mode, reason }) => (mode === "polling" ? `polling for results: ${reason}` : null),
  "notifier:connection": ({ connected, error }) =>
    connected ? "listening again" : `lost the listening connection: ${textOf(error)}`,
  "batch:retry": ({ batch, size, delay, error }) =>
    `${batch} of ${size} failed and will be retried in ${Math.round(delay)} ms: ${textOf(error)}`,
  "service:error": ({ service, error }) => `${service} failed: ${textOf(error)}`,
  "claim:lost": ({ id }) => `job ${id} no longer belongs to this host: its outcome was dropped`,
  rescue: ({ host, jobs, discarded }) =>
    `host ${host} is lost: ${jobs} of its jobs rescued, ${discarded} of these discarded`,
  "host:lost": () => "other hosts declared this one lost and took its jobs: it continues with new ones",
  quarantine: ({ id }) => `job ${id} was discarded: it took down two processes in which it ran alone`,
  "job:stray": ({ id, worker, error }) =>
    `thrown outside of its job, by ${id === null ? "an unknown job" : `job ${id} of ${worker}`}: ${textOf(error)}`,
};

/**
 * Writes a line for each event that no caller gets as an error: database trouble,
 * lost hosts, stray errors.
 */
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
