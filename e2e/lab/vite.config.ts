import { defineConfig } from 'vite';

/** Builds the lab alone, into `e2e/lab/dist`. The demo's server serves that folder in place of the demo's page. */
export default defineConfig({
  appType: 'mpa',
  build: {
    target: 'es2023',
    // The policy of the server allows no data: URLs, and a worker is only shared under a URL of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
    rolldownOptions: { input: ['lab.html', 'http.html', 'requests.html', 'inspector.html'] },
  },
  worker: { format: 'es' },
});
