import type { ApplicationType } from './client.ts';

const MAX_LENGTH = 2_000;
/** Visible ASCII without what no URI holds, and without `*`, which looks like a wildcard and is none: what is registered is what is compared, so nothing is normalised. */
const CHARACTERS = /^[\x21\x23-\x29\x2B-\x3B\x3D\x3F-\x5B\x5D\x5F\x61-\x7A\x7E]+$/;
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::(\d{1,5}))?(\/[^#]*)?$/;
/** RFC 8252 section 7.1: a private-use scheme is a reversed domain name, so it holds a dot. */
const PRIVATE_USE = /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/;

/** Parameters of an authorization answer (RFC 6749 section 4.1.2, RFC 9207): one of the address's own would stand twice. */
const ANSWER_PARAMETERS = ['code', 'state', 'iss', 'error', 'error_description'];

/** Whether a redirect URI is of a private-use scheme (RFC 8252 section 7.1). */
export const isPrivateUse = (uri: string): boolean => PRIVATE_USE.test(uri);

/** Whether a redirect URI leads to a loopback address (RFC 8252 section 7.3). */
export const isLoopback = (uri: string): boolean => LOOPBACK.test(uri);

/** Whether a port of a loopback address can be listened on; none means 80. */
const isUsablePort = (port: string | undefined): boolean => {
  const number = Number(port ?? 80);
  return number >= 1 && number <= 65_535;
};

export interface RedirectUriRules {
  applicationType: ApplicationType;
  /** A trial installation on a loopback address also takes plain loopback addresses for web applications. */
  loopbackForAll: boolean;
}

/** Why a redirect URI cannot be registered, as a sentence; `undefined` when it can. */
export function redirectUriProblem(uri: string, rules: RedirectUriRules): string | undefined {
  if (uri.length > MAX_LENGTH || !CHARACTERS.test(uri) || !URL.canParse(uri)) {
    return 'A redirect URI is an absolute address of at most 2,000 visible ASCII characters.';
  }
  if (uri.includes('#')) return 'A redirect URI has no fragment (RFC 6749 section 3.1.2).';
  const url = new URL(uri);
  if (url.username !== '' || url.password !== '') return 'A redirect URI holds no user name or password.';
  const own = ANSWER_PARAMETERS.find((name) => url.searchParams.has(name));
  if (own !== undefined)
    return `The query of a redirect URI holds no ${own}: that is a parameter of our answer.`;
  // Written otherwise than a browser reads it, an address could pass for another one.
  if (url.protocol === 'https:') {
    return url.href === uri || url.href === `${uri}/`
      ? undefined
      : 'Write the redirect URI in its plain form.';
  }
  const loopback = LOOPBACK.exec(uri);
  if (loopback && !isUsablePort(loopback[2]))
    return 'Port 0 is no port to come back to; leave the port out for any.';
  if (loopback && (rules.applicationType === 'native' || rules.loopbackForAll)) return undefined;
  if (isPrivateUse(uri) && rules.applicationType === 'native') return undefined;
  return rules.applicationType === 'native'
    ? 'A native application takes https, http on a loopback address, or a private-use scheme such as com.example.app:/callback.'
    : 'A redirect URI of this application type must be https.';
}

/**
 * Whether a request's redirect URI is one of the registered ones: character by character, except that a native
 * application may use any port on a loopback address (RFC 8252 section 7.3).
 */
export function isRegisteredRedirectUri(
  client: { applicationType: ApplicationType; redirectUris: readonly string[] },
  uri: string,
): boolean {
  if (client.redirectUris.includes(uri)) return true;
  if (client.applicationType !== 'native') return false;
  const asked = LOOPBACK.exec(uri);
  if (!asked || !isUsablePort(asked[2])) return false;
  return client.redirectUris.some((registered) => {
    const known = LOOPBACK.exec(registered);
    return known !== null && known[1] === asked[1] && (known[3] ?? '') === (asked[3] ?? '');
  });
}
