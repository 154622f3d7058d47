/**
 * fast-check with a seed: `npm test` plays the same runs each time, so that nothing but a change makes it red.
 * `npm run fuzz` plays others, and more of them.
 */
import * as fc from 'fast-check';

export * from 'fast-check';

const seed = Number(process.env['TASKBASKET_FUZZ_SEED'] ?? 1);
const times = Number(process.env['TASKBASKET_FUZZ_TIMES'] ?? 1);

/** Plays a property so many times; a hundred times if nothing else is said. */
export function assert<Values>(property: fc.IAsyncProperty<Values>, options?: fc.Parameters<Values>): Promise<void>;
export function assert<Values>(property: fc.IProperty<Values>, options?: fc.Parameters<Values>): void;
export function assert<Values>(
  property: fc.IAsyncProperty<Values> | fc.IProperty<Values>,
  { numRuns = 100, ...options }: fc.Parameters<Values> = {},
): Promise<void> | void {
  return fc.assert(property as fc.IAsyncProperty<Values>, { seed, ...options, numRuns: numRuns * times });
}
