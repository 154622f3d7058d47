/** A body as it is sent, and the type that it has by itself. */
export interface TypedBody {
  readonly body: string | Blob | ArrayBuffer;
  readonly type: string;
}

/**
 * Writes a form as a browser sends it (HTML standard, "multipart/form-data encoding algorithm"). The boundary is chosen
 * here, once, so that each attempt sends the same bytes. Files are not read: the Blob refers to them.
 */
export function multipart(form: FormData, boundary: string = newBoundary()): TypedBody {
  const type = `multipart/form-data; boundary=${boundary}`;
  const parts: (string | Blob)[] = [];
  form.forEach((value, name) => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(lines(name))}"`;
    if (typeof value === 'string') parts.push(`${head}\r\n\r\n${lines(value)}\r\n`);
    else {
      const { name: file, type: kind } = value;
      const says = `; filename="${escaped(file)}"\r\nContent-Type: ${kind === '' ? 'application/octet-stream' : kind}`;
      parts.push(`${head}${says}\r\n\r\n`, value, '\r\n');
    }
  });
  parts.push(`--${boundary}--\r\n`);

  return { type, body: parts.every((part) => typeof part === 'string') ? parts.join('') : new Blob(parts, { type }) };
}

function newBoundary(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));

  return `taskbasket${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Ends each line with CR and LF. */
function lines(text: string): string {
  return text.replace(/\r\n?|\n/g, '\r\n');
}

/** What would end the name of a field or of a file. */
function escaped(name: string): string {
  return name.replace(/["\r\n]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
