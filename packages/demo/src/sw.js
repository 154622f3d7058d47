/**
 * Keeps the shell of the page, so that it opens offline. It never answers for the API: what the server did not say
 * itself, nobody says.
 *
 * The build puts the list of files in place of the next two names, and a new name whenever one of them changed.
 */
/* global SHELL_NAME, SHELL_FILES */
const name = SHELL_NAME;
const files = SHELL_FILES;

/** How long a navigation may wait for the network, in milliseconds, before the kept shell is shown. */
const patience = 3_000;

addEventListener('install', (event) => {
  // Past the browser's own cache: an old index.html would name files that are not there any more.
  const requests = files.map((file) => new Request(file, { cache: 'reload' }));
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(requests)));
});

// A new one waits until no tab of the old one is open, so what an open tab may still ask for is kept until then.
addEventListener('activate', (event) => {
  event.waitUntil(deleteOthers());
});

addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== location.origin) return;
  if (mode === 'navigate' && (pathname === '/' || pathname === '/index.html')) event.respondWith(page(event.request));
  else if (files.includes(pathname)) event.respondWith(kept(pathname, event.request));
});

async function page(request) {
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), patience);
  try {
    const response = await fetch(request, { signal: waiting.signal });
    clearTimeout(timer); // The content may take longer: an abort now would leave half a page.
    return response.ok ? response : await kept('/', request, response);
  } catch {
    return kept('/', request);
  }
}

async function kept(file, request, otherwise) {
  const found = await caches.match(file, { cacheName: name });
  return found ?? otherwise ?? fetch(request);
}

async function deleteOthers() {
  const names = await caches.keys();
  const old = names.filter((other) => other.startsWith('shell-') && other !== name);
  await Promise.all(old.map((other) => caches.delete(other)));
}
