import type { Baton } from "../../lib/index.js";
import { heading, line, table } from "./screen.js";
import { declined, large, later, PaymentError, pointless, slow } from "./workers.js";

const ASIDE = { queue: "asides" };

/** What else an await can come to: one example of each. */
export async function showAsides(baton: Baton): Promise<void> {
  heading("Many at once, under one deadline of 800 ms");
  const relays = await baton.asyncMany([slow.new({ ms: 20 }, ASIDE), slow.new({ ms: 2_000 }, ASIDE)]);
  const [quick, late] = await baton.awaitMany(relays, 800);
  table([
    ["20 ms of work", quick.ok ? `ok: ${quick.value}` : String(quick.error)],
    [
      "2,000 ms of work",
      late.ok ? `ok: ${late.value}` : `${String(late.error)}: the job is ${late.job.state}, and goes on`,
    ],
  ]);

  heading("What else an await can come to");
  const tooLarge = await baton.await(await baton.async(large.new({ bytes: 20_000 }, ASIDE)));
  const snoozed = await baton.async(later.new({ topic: "news" }, ASIDE));
  const first = await baton.await(snoozed);
  const final = await baton.await(snoozed, { timeout: 10_000, withRetries: true });
  const discarded = await baton.await(await baton.async(pointless.new({ file: "a.png" }, ASIDE)));
  table([
    ["20,000 random bytes", tooLarge.ok ? "ok" : `${String(tooLarge.error)} (the limit is 8,192, compressed)`],
    [
      "a snooze",
      first.ok
        ? "ok"
        : `${String(first.error)} for ${first.seconds} s; with retries: ${final.ok ? final.value : String(final.error)}`,
    ],
    ["a discard", discarded.ok ? "ok" : `${String(discarded.error)}: ${String(discarded.reason)}`],
  ]);

  heading("An error of one's own, thrown in a thread of another process");
  try {
    await baton.call(declined.new({ amount: 120 }, { ...ASIDE, maxAttempts: 1 }));
  } catch (error) {
    if (!(error instanceof PaymentError)) throw error;
    line(
      `caught a ${error.name}: ${error.message}; code ${error.code}, amount ${error.amount}, cause ${String(error.cause)}`,
    );
  }
}
