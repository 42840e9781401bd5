import type { CarriedNames } from '../authenticator.ts';

/** Whether a cookie of this name is one of those that may be seen: `name`, or `beginning*`. */
export function isCarriedCookie(names: CarriedNames, cookie: string): boolean {
  return names.cookies.some((pattern) =>
    pattern.endsWith('*') ? cookie.startsWith(pattern.slice(0, -1)) : cookie === pattern,
  );
}
