/**
 * Who uses this app?
 */
export const names = { ann: 'Ann', bob: 'Bob' };

export type Inspector = keyof typeof names;

/** The inspector of this name, if there is one. */
export function inspectorNamed(name: string | null): Inspector | undefined {
  return name === 'ann' || name === 'bob' ? name : undefined;
}
