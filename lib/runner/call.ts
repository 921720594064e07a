/** A notification that a queue has new jobs, sent by an insert or passed on by a host. */
export interface Call {
  readonly queue: string;
  /** The server process that inserted the jobs. It decides the hosts' ranks for this call. */
  readonly sender: number;
  /** How often hosts have passed the call on. Each wave calls twice as many hosts as the last. */
  readonly wave: number;
  /** The host that passed the call on; null for a call that comes from the insert. */
  readonly from: string | null;
}

/** Reads a notification: a bare queue from an insert, or a call that a host has passed on. */
export function readCall(payload: string, sender: number): Call {
  const [, queue, first, wave, from] = /^(.*)\n(\d{1,10})\n(\d{1,2})\n(.*)$/s.exec(payload) ?? [];
  if (queue === undefined || from === undefined) return { queue: payload, sender, wave: 0, from: null };
  return { queue, sender: Number(first), wave: Number(wave), from };
}

/** Writes the payload with which a host passes a call on. */
export function writeCall({ queue, sender, wave, from }: Call): string {
  return `${queue}\n${sender}\n${wave}\n${from ?? ""}`;
}
