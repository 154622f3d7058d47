/** The least and the most that a wait may be, in milliseconds, after so many failures: equal jitter under a cap. */
export function waitRange(base: number, cap: number, failures: number): readonly [number, number] {
  let ceiling = base;
  for (let count = 1; count < failures && ceiling < cap; count += 1) ceiling *= 2;
  ceiling = Math.min(cap, ceiling);

  return [Math.floor(ceiling / 2), Math.ceil(ceiling)];
}
