import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { InspectorWords, TaskbasketInspector } from '../../src/inspector.js';
import type { Main } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';
import type { AppServer } from './server.js';

const { run } = laidOut('inspector');
let server: AppServer;
let basket: Main['basket'];
let save: Main['save'];
let inspector: TaskbasketInspector;

/** What is shown, as text. */
function shown(): string {
  return inspector.shadowRoot?.textContent ?? '';
}

beforeAll(async () => {
  const browser = await createBrowser({ sharedWorker: true });
  server = browser.server;
  const { window } = browser;
  for (const name of ['HTMLElement', 'HTMLButtonElement', 'ShadowRoot', 'CustomEvent', 'customElements']) {
    vi.stubGlobal(name, window[name] as unknown);
  }
  // jsdom draws nothing, and has no sheets that are adopted.
  vi.stubGlobal('CSSStyleSheet', function sheet(this: object) {
    Object.assign(this, { replaceSync: () => undefined });
  });
  ({ basket, save } = await run<Main>('basket.ts'));
  ({ inspector } = await run<{ inspector: TaskbasketInspector }>('unsent-list.ts'));
  await run('correct-here.ts');
});

afterAll(async () => {
  inspector.remove();
  await basket.cancel({});
  basket.close();
});

test('the list says why a note is not sent, in English and in German, and a correction in the list sends it', async () => {
  server.answer(({ body }) => (body.includes('too long') ? 422 : 200));
  await save({ id: 'n1', text: 'too long' });
  await until(() => expect(shown()).toContain('It was refused (422): The server answered 422.'));
  expect(shown()).toContain('too long');

  const { german } = await run<{ german: InspectorWords }>('german.ts');
  inspector.words = german;
  await until(() => expect(shown()).toContain('Es wurde abgelehnt: The server answered 422.'));

  inspector.shadowRoot?.querySelector<HTMLButtonElement>('[part~=correct]')?.click();
  const input = inspector.querySelector('input');
  expect(input?.value).toBe('too long');
  Object.assign(input ?? {}, { value: 'short' });
  inspector.querySelector('form')?.requestSubmit();
  await until(() => expect(shown()).toContain('Alles ist gesendet.'));
  expect(inspector.querySelector('form')).toBe(null);
  expect(server.received.at(-1)?.body).toContain('short');
});

test('a correction of a task that was discarded in the same moment is not taken for a success', async () => {
  server.answer(({ body }) => (body.includes('too long') ? 422 : 200));
  await save({ id: 'n2', text: 'too long' });
  const button = (): HTMLButtonElement | null | undefined =>
    inspector.shadowRoot?.querySelector<HTMLButtonElement>('[part~=correct]:not([hidden])');
  await until(() => expect(button()).toBeTruthy());
  button()?.click();
  const form = inspector.querySelector('form');
  const discarding = basket.cancel({});
  form?.requestSubmit();

  await until(() => expect(form?.querySelector('[role=alert]')?.textContent).toMatch(/^It was sent or discarded/));
  await discarding;
});

test('the list names the requests of an httpTask', async () => {
  await run('request-list.ts');
  const named = (payload: unknown) => inspector.label?.({ payload } as never);

  expect(named({ url: '/reports', json: { text: 'Roof' } })).toBe('Roof');
  expect(named({ url: '/reports/{report}/photos' })).toBe('A photo');
  expect(named(undefined)).toBe('A change');
});
