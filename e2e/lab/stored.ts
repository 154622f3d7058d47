/** Everything that this origin stores, as one text, in which a test looks for secrets. */

export async function storedText(): Promise<string> {
  const parts: unknown[] = [Object.entries(localStorage), Object.entries(sessionStorage), document.cookie];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      parts.push(name, request.url, await (await cache.match(request))?.text());
    }
  }
  for (const { name = '' } of await indexedDB.databases()) parts.push(name, await recordsOf(name));

  return textOf(parts);
}

/** Every key and every record of every store of a database. */
async function recordsOf(name: string): Promise<unknown> {
  const db = await resultOf(indexedDB.open(name));
  try {
    const stores = [...db.objectStoreNames];
    const tx = db.transaction(stores);
    const reads = stores
      .map((store) => tx.objectStore(store))
      .map((store) => [store.getAllKeys(), store.getAll()] as const);

    return await Promise.all(
      reads.map(([keys, records]) => Promise.all([resultOf(keys), resultOf<unknown[]>(records)])),
    );
  } finally {
    db.close();
  }
}

function resultOf<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('The database cannot be read.')));
  });
}

/** A value as text, with the texts in its Blobs and buffers, which JSON would leave out. */
async function textOf(value: unknown): Promise<string> {
  const bytes: Blob[] = [];
  const json = JSON.stringify(value, (_, part: unknown) => {
    // The runner's reserve is large, and means nothing.
    if (part instanceof Uint8Array && part.length > 1_000_000) return 'the reserve';
    if (part instanceof Blob) bytes.push(part);
    if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) bytes.push(new Blob([part as ArrayBuffer]));
    if (part instanceof Map || part instanceof Set) return [...part];

    return part;
  });

  return [json, ...(await Promise.all(bytes.map((one) => one.text())))].join('\n');
}
