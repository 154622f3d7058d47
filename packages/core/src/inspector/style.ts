/** The styles. Colours follow the `color-scheme` of the page, and the layout follows the direction of its text. */
export const css: string = `
:host {
  --_line: var(--taskbasket-line, color-mix(in srgb, currentcolor 25%, transparent));
  --_quiet: var(--taskbasket-quiet, color-mix(in srgb, currentcolor 75%, transparent));
  --_surface: var(--taskbasket-surface, transparent);
  --_accent: var(--taskbasket-accent, light-dark(#0b57d0, #a8c7fa));
  --_wait: var(--taskbasket-wait, light-dark(#7a4a00, #f6c473));
  --_danger: var(--taskbasket-danger, light-dark(#a01f18, #ffb4ab));
  --_radius: var(--taskbasket-radius, 0.5rem);
  --_gap: var(--taskbasket-gap, 0.75rem);
  display: block;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
h2, h3, p, ul { margin: 0; padding: 0; }
h2 { font-size: 1.25em; }
h3 { font-size: 1em; }
p, h2, h3 { overflow-wrap: anywhere; min-inline-size: 0; }
p, h2, h3, span { unicode-bidi: plaintext; text-align: -webkit-match-parent; text-align: match-parent; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
[part=head], [part=top], [part=actions], [part=confirmation] {
  display: flex;
  flex-wrap: wrap;
  gap: calc(var(--_gap) / 1.5);
  align-items: start;
}
[part=head], [part=top] { justify-content: space-between; }
[part=list] { list-style: none; }
[part~=item] {
  display: flow-root;
  margin-block-start: var(--_gap);
  padding: var(--_gap);
  background: var(--_surface);
  border: 1px solid var(--_line);
  border-radius: var(--_radius);
  content-visibility: auto;
  contain-intrinsic-block-size: auto 10rem;
}
[part~=item] > :not(:first-child) { margin-block-start: calc(var(--_gap) / 2); }
[part~=item-dead] { border-color: var(--_danger); }
[part=title] { flex: 1 1 10rem; }
::slotted(*) { margin-block-start: calc(var(--_gap) / 1.5); }
[part~=state] {
  padding: 0.125em 0.75em;
  font-size: 0.8125em;
  font-weight: 600;
  color: var(--_quiet);
  border: 1px solid;
  border-radius: 1em;
}
[part~=state-running] { color: var(--_accent); }
[part~=state-away], [part~=state-stopped], [part~=state-signed-out], [part~=state-paused] { color: var(--_wait); }
[part~=state-dead], [part=problem] { color: var(--_danger); }
[part=why] { font-variant-numeric: tabular-nums; }
[part=note], [part=facts] { color: var(--_quiet); font-size: 0.9375em; }
[part=question] { flex: 1 1 100%; font-weight: 600; }
progress { inline-size: 100%; block-size: 0.5rem; accent-color: var(--_accent); }
button {
  min-block-size: 2.75rem;
  padding-inline: 0.75rem;
  font: inherit;
  color: var(--_accent);
  background: transparent;
  border: 1px solid;
  border-radius: var(--_radius);
  cursor: pointer;
}
button:hover { background: color-mix(in srgb, currentcolor 10%, transparent); }
button[aria-pressed=true] { color: Canvas; background: var(--_accent); border-color: var(--_accent); }
[part~=confirm] { color: var(--_danger); }
[part=status] { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;
