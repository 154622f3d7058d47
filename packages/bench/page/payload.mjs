/** An object of about so many bytes: one small record, or a list of them. */
export function payloadOf(bytes, number) {
  const record = { id: `note-${number}`, title: 'A note of the field', done: false, at: 1_700_000_000_000 + number };
  if (bytes < 1_000) return { ...record, text: 'x'.repeat(Math.max(0, bytes - 100)) };

  return { ...record, parts: Array.from({ length: Math.round(bytes / 200) }, (_, part) => payloadOf(180, part)) };
}
