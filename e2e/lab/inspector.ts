/**
 * A page with the inspector, for its tests: `window.lab`, and what an app would do for its corrections.
 */
import './lab.js';
import { type InspectedTask, type TaskbasketInspector, defineInspector } from 'taskbasket/inspector';

import type { LabPayload } from './tasks.js';

// Set before the element is defined, as a framework may do.
setUp(document.querySelector('taskbasket-inspector') as TaskbasketInspector);
defineInspector();

function setUp(inspector: TaskbasketInspector): void {
  inspector.label = ({ payload }) => payloadOf(payload)?.name ?? 'Something';
  inspector.canCorrect = ({ type }) => type === 'send';
  inspector.addEventListener('correct', ({ detail: { task, slot } }) => {
    const form = formFor(task);
    form.slot = slot;
    inspector.append(form);
    form.querySelector('input')?.focus();
  });
}

function payloadOf(payload: unknown): LabPayload | undefined {
  return payload as LabPayload | undefined;
}

function formFor({ id, payload }: InspectedTask): HTMLFormElement {
  const form = document.createElement('form');
  const label = document.createElement('label');
  const input = document.createElement('input');
  const send = document.createElement('button');
  label.textContent = 'Text ';
  send.textContent = 'Send corrected';
  input.value = payloadOf(payload)?.text ?? '';
  input.style.font = 'inherit';
  label.append(input);
  form.append(label, send);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const before = payloadOf(payload);
    if (before === undefined) return;
    void window.lab.basket.update(id, { ...before, text: input.value }).then(() => form.remove());
  });

  return form;
}
