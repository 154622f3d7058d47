/**
 * The little that the page needs of the DOM.
 */

/** The element with this id, of this class. Throws if the page has none. */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`The page has no ${kind.name} with the id ${id}.`);
}

/** The first element below `parent` that fits the selector, of this class. Throws if there is none. */
export function within<Kind extends HTMLElement>(parent: ParentNode, selector: string, kind: new () => Kind): Kind {
  const found = parent.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`There is no ${kind.name} that fits ${selector}.`);
}

/** A new element with properties; `testId` becomes `data-testid`. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> & { readonly testId?: string } = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const { testId, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  if (testId !== undefined) made.dataset['testid'] = testId;
  made.append(...children);
  return made;
}

/** Sets the text only if it differs, so that nothing is read out or drawn twice. Without a text the element is hidden. */
export function say(target: HTMLElement, text: string | undefined): void {
  if (target.textContent !== (text ?? '')) target.textContent = text ?? '';
  target.hidden = text === undefined;
}

/** Shows or hides; if the focus was in what is hidden, it goes to `instead`. */
export function show(target: HTMLElement, shown: boolean, instead: HTMLElement): void {
  if (!shown && !target.hidden && target.contains(document.activeElement)) instead.focus();
  target.hidden = !shown;
}

/**
 * A list that follows the items: each keeps its element, so that focus stays where it is.
 *
 * @param create Makes the element for a new item and gives a function that shows the item in it, and one that is called
 *   when the element has gone.
 * @param instead Gets the focus if it was in an element that has gone.
 */
export function createRows<Item>(
  list: HTMLElement,
  instead: HTMLElement,
  idOf: (item: Item) => string,
  create: (item: Item) => {
    readonly row: HTMLElement;
    readonly show: (item: Item) => void;
    readonly gone?: () => void;
  },
): (items: readonly Item[]) => void {
  let rows = new Map<string, ReturnType<typeof create>>();

  return (items) => {
    const next = new Map(items.map((item) => [idOf(item), rows.get(idOf(item)) ?? create(item)]));
    for (const [id, { row, gone }] of rows) {
      if (next.has(id)) continue;
      if (row.contains(document.activeElement)) instead.focus({ preventScroll: true });
      row.remove();
      gone?.();
    }
    rows = next;

    items.forEach((item, index) => {
      const made = next.get(idOf(item));
      if (!made) return;
      made.show(item);
      // Moving an element takes the focus from it, so only what stands elsewhere is moved.
      if (list.children[index] !== made.row) list.insertBefore(made.row, list.children[index] ?? null);
    });
  };
}
