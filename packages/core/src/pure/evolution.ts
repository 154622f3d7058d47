import type { Codec } from './codec.js';
import { atOnce } from './codec.js';
import { checkObject, must } from './options.js';

/** Turns the stored form of one version into that of the next. (As a method's, its parameter may be of any type.) */
export type Upgrade = { step(old: unknown): unknown }['step'];

/** The part of a task type that says which versions it reads. */
export interface ReadableVersions {
  readonly version: number;
  readonly upgrade: { readonly [version: number]: Upgrade };
}

/** Refuses upgrades that leave a version out, name another, or are no functions. */
export function checkUpgrade(upgrade: ReadableVersions['upgrade'], version: number): void {
  checkObject(upgrade, 'upgrade');
  const steps = Object.keys(upgrade);
  const oldest = version - steps.length;
  const fits = oldest >= 1 && steps.every((_, place) => typeof upgrade[oldest + place] === 'function');
  const rule = `an object with a function for each version from the oldest one up to ${version - 1}`;
  must(fits, 'upgrade', rule, `{${steps.join(', ')}}`);
}

/** Whether a build reads what a version of a type has stored: it is the version of now, or each upgrade is there. */
export function readsVersion(type: ReadableVersions | undefined, version: number): boolean {
  return type !== undefined && (type.version === version || version in type.upgrade);
}

/**
 * Decodes what a version of a type has stored: brings it to the version of now, step by step, and calls the codec. An
 * upgrade that returns a promise counts as one that throws.
 */
export function decodedFrom(
  type: ReadableVersions & { readonly codec: Codec<unknown> },
  version: number,
  stored: unknown,
): unknown {
  let form = stored;
  for (let step = version; step < type.version; step += 1) {
    form = atOnce(type.upgrade[step]?.(form), `The upgrade of version ${step}`);
  }

  return type.codec.decode(form);
}
