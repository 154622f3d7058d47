import react from '@vitejs/plugin-react';
import { defineConfig, type ProxyOptions } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';

const api: ProxyOptions = {
  target: process.env['API'] ?? 'http://localhost:3000',
  // While the server is off, the proxy says 503: the server is away, which is no failure.
  configure: (proxy) =>
    proxy.on('error', (_error, _request, response) => 'writeHead' in response && response.writeHead(503).end()),
};

export default defineConfig({
  define: { 'import.meta.env.BUILD': Date.now() }, // higher for each deploy, and the same for page and worker
  plugins: [
    react(),
    // The shell: the service worker keeps every built file, the SharedWorker's too, and never answers for the API.
    VitePWA({
      includeAssets: ['icon.svg'],
      workbox: { navigateFallbackDenylist: [/^\/api\//] },
      manifest: {
        name: 'Notes',
        short_name: 'Notes',
        description: 'Notes and photos, written offline and sent when there is a network.',
        theme_color: '#24557a',
        background_color: '#f6f4ef',
        icons: [{ src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' }],
      },
    }),
  ],
  optimizeDeps: { entries: ['index.html', 'src/*.worker.ts'] }, // without it, Vite reloads the page at the first start
  server: { proxy: { '/api': api } },
  preview: { proxy: { '/api': api } },
});
