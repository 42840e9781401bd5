import { createHash } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

/** A value that a test can look for wherever it must not stand. */
export interface Planted {
  name: string;
  value: string;
  /** Kept by its plain digest, which leads nowhere: random, and no key of anything. */
  lookedUpByDigest: boolean;
}

/** A value as it might be written somewhere: as it is, encoded, escaped, or by its plain digest. */
function forms({ value, lookedUpByDigest }: Planted): string[] {
  const bytes = Buffer.from(value);
  const inBase64 = [0, 1, 2].map((skip) => {
    // What stands in the middle of a longer text that was encoded as a whole.
    const body = bytes.subarray(skip);
    return body.subarray(0, body.length - (body.length % 3)).toString('base64');
  });
  const sha256 = createHash('sha256').update(value);
  return [
    value,
    ...inBase64,
    ...inBase64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    bytes.toString('hex'),
    encodeURIComponent(value),
    encodeURIComponent(value).replaceAll('%20', '+'),
    JSON.stringify(value).slice(1, -1),
    ...(lookedUpByDigest
      ? []
      : [
          sha256.copy().digest('hex'),
          sha256.copy().digest('base64url'),
          sha256.copy().digest('base64').replace(/=+$/, ''),
        ]),
  ].filter((form) => form.length >= 8);
}

/** Names of the values that stand in a text in any form. */
export function found(text: string, values: readonly Planted[]): string[] {
  return values.filter((one) => forms(one).some((form) => text.includes(form))).map(({ name }) => name);
}

/** Every row of every table of a SQLite file, as text, by table. */
export function rowsByTable(file: string): Map<string, string> {
  const db = new DatabaseSync(file, { readOnly: true });
  const names = db.prepare("select name from sqlite_master where type = 'table'").all();
  const rows = new Map(
    names.map(({ name }) => [
      String(name),
      JSON.stringify(db.prepare(`select * from "${String(name)}"`).all()),
    ]),
  );
  db.close();
  return rows;
}

/** An answer as the caller got it, whole. */
export interface Answer {
  call: string;
  status: number;
  text: string;
  headers: Headers;
  json(): Record<string, string>;
}

export interface CallOptions {
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, instead of `body`. */
  raw?: string;
}

/** Makes a call and keeps everything that came back. */
export async function recordedCall(
  ...[base, method, path, options = {}]: [string, string, string, CallOptions?]
): Promise<Answer> {
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const response = await fetch(base + path, {
    method,
    redirect: 'manual',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  return {
    call: `${method} ${path}`,
    status: response.status,
    text,
    headers: response.headers,
    json: () => JSON.parse(text) as Record<string, string>,
  };
}
