const SECRET_MEMBER = /secret|token|password|passwd|authorization|api[-_]?key|signature|cookie|credential/i;
const MASK = '••••••••';

/** Members of an auth entry that hold a secret. */
const SECRET_SETTINGS = ['token', 'value', 'secret', 'client_secret', 'password', 'private_key'];

/** Every secret that a connection's auth entries hold. */
export function secretsOf(auth: readonly object[]): string[] {
  return auth.flatMap((entry) =>
    Object.entries(entry)
      .filter(([name, value]) => SECRET_SETTINGS.includes(name) && typeof value === 'string')
      .map(([, value]) => value as string),
  );
}

/**
 * An answer as a person may see it on a screen: members whose name speaks of a secret lose their text, and our own
 * credentials are covered wherever a partner echoes them.
 */
export function maskAnswer(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') {
    return secrets.reduce((text, secret) => text.replaceAll(secret, MASK), value);
  }
  if (Array.isArray(value)) return value.map((member) => maskAnswer(member, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]: [string, unknown]) => [
      name,
      typeof member === 'string' && SECRET_MEMBER.test(name) ? MASK : maskAnswer(member, secrets),
    ]),
  );
}
