import { defined } from '../pure/parts.js';

/** How safe the storage is. Sizes are in bytes. A field that the browser does not tell is absent. */
export interface StorageHealth {
  /** How much this origin uses. */
  readonly usage?: number;
  /** How much this origin may use. Chromium promises more than it gives. */
  readonly quota?: number;
  /** Whether the browser never deletes the data by itself. Ask for that with `navigator.storage.persist()`. */
  readonly persisted?: boolean;
}

/**
 * Asks the platform's storage manager; says nothing where there is none (Node, a page that is not a secure context).
 */
export async function storageHealth(): Promise<StorageHealth> {
  try {
    const { storage } = (globalThis as { readonly navigator?: Partial<Navigator> }).navigator ?? {};
    if (storage === undefined) return {};
    const [{ usage, quota }, persisted] = await Promise.all([storage.estimate(), storage.persisted()]);

    return defined({ usage, quota, persisted });
  } catch {
    return {}; // A browser may refuse, in a frame without storage of its own, say.
  }
}
