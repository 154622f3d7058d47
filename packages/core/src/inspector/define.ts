import { callSafely } from '../pure/errors.js';
import { checkBasket, must } from '../pure/options.js';
import { createPanel } from './panel.js';
import type { InspectorSettings } from './settings.js';
import { css } from './style.js';

const defaults: InspectorSettings = {
  basket: undefined,
  query: {},
  words: {},
  label: ({ type }) => type,
  canCorrect: () => false,
  canDiscard: () => true,
};

/**
 * Defines the custom element that shows what is unsent, why, and when each task is tried next; and lets a person retry,
 * correct, discard and pause. Elements of that name that are already in the page become such elements too. You may set
 * their properties before or after this call. Does nothing if an element with this name is already defined, and on a
 * server, where there are no custom elements.
 *
 * @param name The name of the element, with a hyphen.
 *
 * @example
 * defineInspector();
 * const inspector = document.createElement('taskbasket-inspector');
 * inspector.basket = basket;
 * document.body.append(inspector);
 */
export function defineInspector(name: string = 'taskbasket-inspector'): void {
  if (typeof customElements === 'undefined' || customElements.get(name) !== undefined) return;
  // A content security policy may forbid a `style` element. It does not forbid an adopted style sheet.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);

  class Inspector extends HTMLElement {
    static readonly observedAttributes = ['lang'];
    #isChanged = false;
    readonly #panel = createPanel(
      this,
      sheet,
      settingsOf(this, () => this.#change()),
    );

    connectedCallback(): void {
      this.#panel.start();
    }

    disconnectedCallback(): void {
      this.#panel.stop();
    }

    attributeChangedCallback(): void {
      this.#change();
    }

    /** Follows properties that were set one after the other as one change. */
    #change(): void {
      if (this.#isChanged) return;
      this.#isChanged = true;
      queueMicrotask(() => {
        this.#isChanged = false;
        if (this.isConnected) this.#panel.start();
      });
    }
  }

  customElements.define(name, Inspector);
}

/**
 * Makes the properties of an element. Keeps what was set before the element was defined; a value of the wrong kind is
 * reported as an uncaught error then, and the default stays.
 */
function settingsOf(element: HTMLElement, changed: () => void): InspectorSettings {
  const settings: InspectorSettings = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof InspectorSettings)[]) {
    const set = (value: unknown): void => {
      checkSetting(name, value ?? defaults[name]);
      Object.assign(settings, { [name]: value ?? defaults[name] });
      changed();
    };
    const before: unknown = Reflect.get(element, name);
    Object.defineProperty(element, name, { enumerable: true, configurable: true, get: () => settings[name], set });
    if (before !== undefined) callSafely(set, before);
  }

  return settings;
}

/** Refuses a value of the wrong kind, where the app sets it. */
function checkSetting(name: keyof InspectorSettings, value: unknown): void {
  const what = `The property "${name}" of the inspector`;
  const kind = typeof defaults[name];
  if (name !== 'basket') must(typeof value === kind, what, kind === 'object' ? 'an object' : 'a function', value);
  else if (value !== undefined) checkBasket(value, what);
}
