import { freshName } from '../support/database.js';
import { createWorld, endWorlds } from '../support/world.js';
import { messageOf } from '../../src/pure/errors.js';
import type { Fault } from './faults.js';
import { countRequests } from './faults.js';
import { createLedger } from './ledger.js';
import { playScenario } from './scenario.js';

/** One run of the scenario. */
export interface Played {
  /** How many requests were made before the faults ended. */
  readonly requests: number;
  /** What the request that failed was. `undefined`: it was not made. */
  readonly failed: string | undefined;
  /** What is wrong, each in a sentence. */
  readonly problems: readonly string[];
}

/** Plays the scenario with one fault, or with none. */
export async function playOnce(fault?: Fault): Promise<Played> {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  const world = createWorld();
  const requests = countRequests(fault, world.alarm);
  process.on('unhandledRejection', note);
  try {
    const problems = [...(await playScenario(world, freshName(), createLedger(), requests.stop).catch(said))];
    problems.push(...(await endWorlds().then(() => [], said)));
    await new Promise((resolve) => setTimeout(resolve));
    problems.push(...unhandled.map((reason) => `a rejection that nobody handles: ${messageOf(reason)}`));

    return { requests: requests.made(), failed: requests.failed(), problems };
  } finally {
    requests.end();
    process.off('unhandledRejection', note);
  }
}

function said(error: unknown): readonly string[] {
  return [error instanceof Error ? (error.stack ?? error.message) : messageOf(error)];
}
