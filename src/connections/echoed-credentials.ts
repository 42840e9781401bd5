/** Shorter texts stand in an answer by chance; the secrets that anybody sets are longer. Characters. */
const LEAST_CHARS = 6;

/** The secret parts of the headers that carry our credentials: each value, without its scheme, and a Basic password. */
export function secretsInHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).flatMap((value) => {
    const [, scheme, rest] = /^([A-Za-z]+) +(\S+)$/.exec(value) ?? [];
    if (rest === undefined) return [value];
    if (scheme?.toLowerCase() !== 'basic') return [rest];
    const pair = Buffer.from(rest, 'base64').toString('utf8');
    return [rest, pair.slice(pair.indexOf(':') + 1)];
  });
}

/**
 * The letters that stand for a secret in any base64 text that holds it, whatever is before and behind: one for each of
 * the three places where it may begin within a group of three bytes.
 */
function base64Cores(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8');
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first letters depend on what stands before, the last on what comes behind.
    const from = [0, 2, 3][offset] as number;
    return text.slice(from, (offset + bytes.length) % 3 === 0 ? undefined : -1);
  });
}

/** Every spelling of a secret that is looked for: as it is, percent-encoded, base64, base64url, hex. */
function spellingsOf(secret: string): string[] {
  const cores = base64Cores(secret);
  return [
    secret,
    encodeURIComponent(secret),
    ...cores,
    ...cores.map((core) => core.replaceAll('+', '-').replaceAll('/', '_')),
    Buffer.from(secret, 'utf8').toString('hex'),
  ].filter(({ length }) => length >= LEAST_CHARS);
}

/** All texts of a JSON value, names included. */
function textsOf(value: unknown): string[] {
  const texts: string[] = [];
  const left: unknown[] = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one === 'string') texts.push(one);
    else if (Array.isArray(one)) left.push(...(one as unknown[]));
    else if (typeof one === 'object' && one !== null) {
      for (const [name, member] of Object.entries(one)) {
        texts.push(name);
        left.push(member);
      }
    }
  }
  return texts;
}

/** What a body says, as it stands and with the escapes of JSON undone. */
function readings(body: Buffer): string {
  const text = body.toString('utf8');
  if (!text.includes('\\')) return text;
  try {
    return [text, ...textsOf(JSON.parse(text))].join('\n');
  } catch {
    return text;
  }
}

/**
 * Whether an answer holds a credential of our own, in any usual spelling: some servers answer with the headers that
 * they got. `secrets` of fewer than six characters are not looked for.
 */
export function echoesCredentials(body: Buffer, secrets: Iterable<string>): boolean {
  if (body.length < LEAST_CHARS) return false;
  const text = readings(body);
  const folded = text.toLowerCase();
  for (const secret of secrets) {
    if (secret.length < LEAST_CHARS) continue;
    // Hex and percent-encoding are written in either case.
    if (spellingsOf(secret).some((one) => text.includes(one) || folded.includes(one.toLowerCase())))
      return true;
  }
  return false;
}
