/** A body as it is sent, and its `Content-Type` if the body does not have it. */
export interface TypedBody {
  readonly body: string | Blob | ArrayBuffer;
  readonly type: string;
}

/**
 * Writes a form as a browser sends it (HTML standard, "multipart/form-data encoding algorithm"). The boundary is chosen
 * here, once, so that each attempt sends the same bytes. Files are not read: the Blob refers to them.
 */
export function multipart(form: FormData): TypedBody {
  const boundary = `taskbasket${[...crypto.getRandomValues(new Uint8Array(16))].join('')}`;
  const type = `multipart/form-data; boundary=${boundary}`;
  const parts: (string | Blob)[] = [];
  form.forEach((value, name) => {
    parts.push(`--${boundary}\r\nContent-Disposition: form-data; name="${escaped(lines(name))}"`);
    if (typeof value === 'string') parts.push(`\r\n\r\n${lines(value)}\r\n`);
    else {
      const says = `; filename="${escaped(value.name)}"\r\nContent-Type: ${value.type || 'application/octet-stream'}`;
      parts.push(`${says}\r\n\r\n`, value, '\r\n');
    }
  });
  parts.push(`--${boundary}--\r\n`);

  return { type, body: parts.every((part) => typeof part === 'string') ? parts.join('') : new Blob(parts, { type }) };
}

/** Ends each line with CR and LF. */
function lines(text: string): string {
  return text.replace(/\r\n?|\n/g, '\r\n');
}

/** A name, without what would end it. */
function escaped(name: string): string {
  return name.replace(/["\r\n]/g, (one) => encodeURIComponent(one));
}
