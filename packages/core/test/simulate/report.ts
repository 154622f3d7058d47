/** Counts what was met, by group and name. */
export interface Report {
  readonly met: (group: Group, name: string, times?: number) => void;
  readonly count: (group: Group, name?: string) => number;
  readonly lines: () => readonly string[];
}

const groups = [
  'commands',
  'kills',
  'faults',
  'letters',
  'paying',
  'verdicts',
  'commits',
  'looks',
  'gates',
  'keys',
  'parents',
  'expiry',
  'owners',
  'pauses',
  'values',
  'completing',
  'model',
  'audit',
  'host',
  'other',
] as const;

/** What is counted together. */
export type Group = (typeof groups)[number];

/** A report with nothing in it. */
export function createReport(): Report {
  const counts = new Map<Group, Map<string, number>>();

  return {
    met(group, name, times = 1) {
      const names = counts.get(group) ?? new Map<string, number>();
      counts.set(group, names);
      names.set(name, (names.get(name) ?? 0) + times);
    },

    count(group, name) {
      const names = counts.get(group);
      if (name !== undefined) return names?.get(name) ?? 0;

      return [...(names?.values() ?? [])].reduce((sum, count) => sum + count, 0);
    },

    lines() {
      return groups.flatMap((group) => {
        const names = counts.get(group);
        if (names === undefined) return [];
        const parts = [...names].sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, n]) => `${name} ${n}`);

        return [`${group}: ${parts.join(', ')}`];
      });
    },
  };
}
