import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { runBasket } from '../../src/worker.js';
import type { Main } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';
import { bundled } from './bundle.js';

/** What each bundle exports. */
interface App extends Main {
  /** Shows the README's component; `again` renders what is around it once more. */
  readonly mount: (target: Element) => { readonly again: () => void; readonly unmount: () => void };
  /** React alone: shows the component that saves a note. `show` gives it another note. */
  readonly mountSave?: (target: Element) => { readonly show: (note: object) => void; readonly unmount: () => void };
}

const common = `export { basket, save } from './basket.js';`;

const entries = {
  React: `
    import { createElement } from 'react';
    import { createRoot } from 'react-dom/client';
    import { SaveNote } from './SaveNote.tsx';
    import { Unsent } from './Unsent.tsx';
    ${common}
    export function mountSave(target) {
      const root = createRoot(target);
      const show = (note) => root.render(createElement(SaveNote, { note }));
      show({ id: 'a', text: 'Dry' });
      return { show, unmount: () => root.unmount() };
    }
    export function mount(target) {
      const root = createRoot(target);
      let times = 0;
      const again = () => root.render(createElement('section', { title: String(times++) }, createElement(Unsent)));
      again();
      return { again, unmount: () => root.unmount() };
    }`,
  Svelte: `
    import { mount as show, unmount } from 'svelte';
    import Unsent from './Unsent.svelte';
    ${common}
    export function mount(target) {
      const shown = show(Unsent, { target });
      return { again: () => undefined, unmount: () => unmount(shown) };
    }`,
  Vue: `
    import { createApp, h, ref } from 'vue';
    import Unsent from './Unsent.vue';
    ${common}
    export function mount(target) {
      const times = ref(0);
      const app = createApp(() => h('section', { title: String(times.value) }, h(Unsent)));
      app.mount(target);
      return { again: () => (times.value += 1), unmount: () => app.unmount() };
    }`,
} as const;

const { folder, run } = laidOut('frameworks');

beforeAll(async () => {
  const { window } = await createBrowser({ sharedWorker: false }); // Nobody runs tasks here: they stay.
  vi.stubGlobal('reportError', () => undefined);
  vi.stubGlobal('window', window);
  for (const name of ['navigator', 'Node', 'Element', 'HTMLElement', 'SVGElement', 'Text', 'Comment']) {
    vi.stubGlobal(name, window[name] as unknown);
  }
});

describe.each(Object.entries(entries))('the component of the README for %s', (name, entry) => {
  let app: App;
  let otherTab: Main;

  beforeAll(async () => {
    await bundled(folder, name, entry);
    app = await run(`${name}.bundle.mjs`);
    otherTab = await run('basket.ts');
  });

  afterEach(() => app.basket.cancel({}));

  /** The texts that are shown. */
  const shown = (target: Element): readonly (string | null)[] =>
    [...target.querySelectorAll('li')].map((item) => item.textContent);

  test('shows what is unsent, and follows what this tab and another change', async () => {
    await app.save({ id: 'a', text: 'Stored before' });
    const target = document.createElement('div');
    const { unmount } = app.mount(target);
    await until(() => expect(shown(target)).toEqual(['Stored before']));

    const id = await otherTab.save({ id: 'b', text: 'From another tab' });
    await until(() => expect(shown(target)).toEqual(['Stored before', 'From another tab']));

    await app.basket.cancel(id);
    await until(() => expect(shown(target)).toEqual(['Stored before']));
    unmount();
  });

  test('subscribes once, however often what is around it is rendered, and no more once it is gone', async () => {
    const watched = app.basket.watch({ type: 'saveNote' as never });
    const { subscribe } = watched;
    let begun = 0;
    let ended = 0;
    Object.assign(watched, {
      subscribe: (listener: () => void) => {
        begun += 1;
        const stop = subscribe(listener);

        return () => {
          ended += 1;
          stop();
        };
      },
    });
    const target = document.createElement('div');
    const { again, unmount } = app.mount(target);
    for (const text of ['1', '2', '3']) {
      await app.save({ id: text, text });
      again();
      await until(() => expect(shown(target)).toContain(text));
    }
    expect([begun, ended]).toEqual([1, 0]);

    unmount();
    await until(() => expect([begun, ended]).toEqual([1, 1]));
    const last = watched.get();
    const observer = app.basket.watch();
    const added = new Promise<void>((resolve) => {
      const stop = observer.subscribe(({ tasks }) => {
        if (tasks.some(({ payload }) => (payload as { text: string }).text === 'Unseen')) resolve(stop());
      });
    });
    await app.save({ id: 'u', text: 'Unseen' });
    await added;
    expect(watched.get()).toBe(last);
  });
});

test('the component of the React page that saves a note says why it waits, when it is sent, and that it is not saved', async () => {
  const { basket, mountSave } = await run<App>('React.bundle.mjs');
  const target = document.createElement('div');
  document.body.append(target);
  const form = mountSave?.(target);
  const says = (text: string): Promise<void> =>
    until(() => expect(target.querySelector('[role=status]')?.textContent).toBe(text));
  await until(() => expect(target.querySelector('button')).not.toBeNull());
  target.querySelector('button')?.click();
  await says('Nothing sends at the moment: keep this page open.');

  const stop = new AbortController();
  const running = runBasket(basket, { saveNote: () => undefined } as never, { signal: stop.signal });
  await says('Sent.');

  form?.show({ id: 'a', text: () => 'what no browser can store' });
  await until(() => {
    target.querySelector('button')?.click(); // Once React has shown the other note.
    expect(target.querySelector('[role=status]')?.textContent).toMatch(/^It is not saved: /);
  });
  stop.abort();
  await running;
  form?.unmount();
});
