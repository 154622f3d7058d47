/** What does the element need of the DOM? Text is only ever set as text. */

/** Makes an element that an app can style as `::part(name)`. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  part: string,
  ...children: readonly Node[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.setAttribute('part', part);
  made.append(...children);

  return made;
}

/** Makes a button. */
export function button(part: string, act: (click: MouseEvent) => void): HTMLButtonElement {
  const made = element('button', `button ${part}`);
  made.type = 'button';
  made.addEventListener('click', act);

  return made;
}

/** Sets a text only if it differs, so that a selection stays. An empty text hides its element. */
export function say(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
  target.hidden = text === '';
}

/** Sets the text of a button or the name of a bar. Screen readers also say the label of its task, `of`. */
export function name(target: HTMLElement, text: string, of: string): void {
  if (target instanceof HTMLButtonElement) say(target, text);
  target.setAttribute('aria-label', `${text}: ${of}`);
}

/** Shows or hides an element. If the focus was in what is hidden now, `instead` gets it. */
export function show(target: HTMLElement, shown: boolean, instead: HTMLElement): void {
  const loses = !shown && target.matches(':focus-within');
  target.hidden = !shown;
  if (loses) instead.focus({ preventScroll: true });
}
