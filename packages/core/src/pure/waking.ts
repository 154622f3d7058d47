/**
 * How often a visible page brings the probes of closed gates forward, in milliseconds. With the time of a probe, the
 * first task gets through within 30 s of the end of an outage.
 */
export const lookEvery = 25_000;

/** How long the message of a hidden page waits for the message of a visible one, in milliseconds. */
export const visibleFirst = 1_000;

const onlineSpread = 2_000;
const hiddenSpread = 30_000;

/**
 * How long it may take, in milliseconds, until a probe starts that a page brings forward. Chance picks the moment in this
 * time, because many browsers come online together. A page that becomes visible needs no such spread.
 */
export function spreadOf({ visible, online }: { readonly visible: boolean; readonly online?: boolean }): number {
  if (!visible) return hiddenSpread;

  return online === true ? onlineSpread : 0;
}
