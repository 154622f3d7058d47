/**
 * What is only worth minutes of a browser now and then: `npm run test:long` runs it, `npm test` does not.
 *
 * A test that is tagged `@long` runs there alone. One that is tagged `@sized` runs in both, there with larger numbers.
 */

/** Whether this is the long run. */
export const isLong = process.env['TASKBASKET_LONG'] === 'only';

/** The first number in `npm test`, the second one in the long run. */
export function sized(short: number, long: number): number {
  return isLong ? long : short;
}
