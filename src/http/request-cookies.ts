/** RFC 6265 section 4.1.1 with RFC 9110 section 5.6.2: what a cookie's name consists of. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Space and tab alone: anything else that `trim()` takes away may be part of another name (RFC 6265 section 5.6). */
const withoutBlanks = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

/**
 * Names and values of a `Cookie` header, as sent and in their order. What has no proper name is left out: a browser
 * takes "\u00a0__Host-id" for another name than "__Host-id" and lets a sibling domain set it, so it must not become
 * that name here.
 */
export function requestCookies(text: string | undefined): [name: string, value: string][] {
  if (!text) return [];
  const found: [string, string][] = [];
  for (const part of text.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) continue;
    const name = withoutBlanks(part.slice(0, equals));
    if (COOKIE_NAME.test(name)) found.push([name, withoutBlanks(part.slice(equals + 1))]);
  }
  return found;
}

/** The value of the one cookie of this name; of two nobody can say which was meant (RFC 6265bis section 8.7). */
export function onlyCookie(text: string | undefined, name: string): string | undefined {
  const found = requestCookies(text).filter(([one]) => one === name);
  return found.length === 1 ? found[0]?.[1] : undefined;
}
