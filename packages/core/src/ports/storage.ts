import { defined } from '../pure/parts.js';

/** How safe what is stored is, as far as the browser tells; in bytes. A field is not there where it does not. */
export interface StorageHealth {
  /** What this origin uses. */
  readonly usage?: number;
  /** What it may use, as the browser says; Chromium says more than it keeps. */
  readonly quota?: number;
  /** Whether the browser keeps it until a person deletes it: ask for that with `navigator.storage.persist()`. */
  readonly persisted?: boolean;
}

/** Asks the platform's storage manager; says nothing where there is none (Node, a page that is not a secure context). */
export async function storageHealth(): Promise<StorageHealth> {
  try {
    const { storage } = (globalThis as { readonly navigator?: Partial<Navigator> }).navigator ?? {};
    if (storage === undefined) return {};
    const [{ usage, quota }, persisted] = await Promise.all([storage.estimate(), storage.persisted()]);

    return defined({ usage, quota, persisted });
  } catch {
    return {}; // A browser may refuse, as in a frame without storage of its own: nothing is known then.
  }
}
