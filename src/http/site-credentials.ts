import type { Request } from 'express';
import type { Authenticator, CarriedNames, SiteSessionProof } from '../authenticators/authenticator.ts';
import { isCarriedCookie } from '../authenticators/site-session/carried-names.ts';
import type { Channel } from '../channels/channel.ts';
import { header } from './raw-headers.ts';
import { requestCookies } from './request-cookies.ts';

/** The cookies and headers that the authenticators of a channel may see; `undefined`: none takes a site session. */
export type CarriedBy = (channel: Channel) => CarriedNames | undefined;

export function createCarriedBy(
  authenticators: ReadonlyMap<string, Pick<Authenticator, 'carries'>>,
): CarriedBy {
  return (channel) => {
    const carried = channel.authenticators.flatMap((name) => authenticators.get(name)?.carries ?? []);
    if (carried.length === 0) return undefined;
    return {
      cookies: carried.flatMap(({ cookies }) => cookies),
      headers: carried.flatMap(({ headers }) => headers),
    };
  };
}

/** Headers beside the usual ones that pages may send, because some authenticator takes them as its site's proof. */
export function carriedHeaders(
  authenticators: ReadonlyMap<string, Pick<Authenticator, 'carries'>>,
): readonly string[] {
  return [...new Set([...authenticators.values()].flatMap(({ carries }) => carries?.headers ?? []))];
}

/** The cookies of a `Cookie` header that fit, as sent and in their order: which of two counts, the site knows. */
function cookiesThatFit(text: string, names: CarriedNames): [string, string][] {
  return requestCookies(text).filter(([name]) => isCarriedCookie(names, name));
}

/** What a request carries of these names; `undefined`: nothing of it. */
export function siteCredentialsOf(req: Request, names: CarriedNames): SiteSessionProof | undefined {
  const cookies = cookiesThatFit(header(req, 'cookie') ?? '', names);
  const headers: Record<string, string> = {};
  for (const name of names.headers) {
    const value = header(req, name);
    if (value) headers[name] = value;
  }
  if (cookies.length === 0 && Object.keys(headers).length === 0) return undefined;
  return { kind: 'site_session', cookies, headers };
}
