/**
 * What does an inspector look at, every time?
 */

/** The points, in the order of a walk. Their names are stored and sent: never rename one. */
export const points = [
  { name: 'access', words: 'Access and paths' },
  { name: 'railings', words: 'Railings and barriers' },
  { name: 'surface', words: 'Surface and drainage' },
  { name: 'lighting', words: 'Lighting' },
  { name: 'signs', words: 'Signs and markings' },
] as const;

export type PointName = (typeof points)[number]['name'];
export type Answer = 'ok' | 'defect' | 'na';

/** The answers that were given; a point that nobody looked at yet is absent. */
export type Checks = { readonly [Point in PointName]?: Answer };

export const answers: readonly { readonly name: Answer; readonly words: string; readonly long?: string }[] = [
  { name: 'ok', words: 'OK' },
  { name: 'defect', words: 'Defect' },
  { name: 'na', words: 'N/A', long: 'not applicable' },
];

/** The points with a defect, as words. */
export function defectsIn(checks: Checks = {}): readonly string[] {
  return points.filter(({ name }) => checks[name] === 'defect').map(({ words }) => words);
}

/** The checklist in a few words, or nothing if it is empty. */
export function summaryOf(checks: Checks = {}): string | undefined {
  const given = Object.values(checks);
  if (given.length === 0) return undefined;
  const defects = defectsIn(checks);
  const looked = `${given.length} of ${points.length} points checked`;
  return defects.length === 0 ? `${looked}, no defect` : `${looked}. Defect: ${defects.join(', ')}`;
}
