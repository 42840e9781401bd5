import { isIP } from 'node:net';
import { z } from 'zod';
import { nameSetting, secretSetting } from '../../platform/settings.ts';

const attributeSetting = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'must be the name of an attribute, such as uid or entryUUID');

const dnSetting = z
  .string()
  .max(1_024)
  .regex(/^[^=,\0]{1,64}=[^\0]+$/, 'must be a distinguished name such as ou=people,dc=example,dc=com');

/** An entry that has this attribute (with this value, if one is given) is in that state. */
const markerSetting = z.strictObject({ attribute: attributeSetting, value: z.string().min(1).optional() });

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

const ldapUrlSetting = z.string().refine((value) => {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, username, password, pathname, search, hash } = new URL(value);
  return (
    /^ldaps?:$/.test(protocol) &&
    hostname !== '' &&
    /^\/?$/.test(pathname) &&
    !(username || password || search || hash)
  );
}, 'must be ldaps://HOST[:PORT] or ldap://HOST[:PORT], without user, path or query');

export const ldapOptionsSchema = z
  .strictObject({
    name: nameSetting,
    type: z.literal('ldap'),
    reference_space: nameSetting,
    url: ldapUrlSetting,
    /** With `ldap://`: `required` upgrades to TLS before anything else is sent; `off` only on this machine. */
    start_tls: z.enum(['required', 'off']).default('required'),
    /** PEM of the authority that signed the server's certificate; default: what Node trusts. */
    ca: z
      .string()
      .regex(
        /-----BEGIN CERTIFICATE-----/,
        'must be PEM text with a certificate, usually written as file:PATH',
      )
      .optional(),
    /** Name in the server's certificate, where it is not the host of `url`. */
    server_name: z
      .string()
      .regex(/^[A-Za-z0-9.-]{1,253}$/, 'must be a host name')
      .optional(),
    /** Who looks people up. Without it the search is anonymous, or, with `bind_as`, made by the customer. */
    service_account: z.strictObject({ dn: dnSetting, password: secretSetting({ minLength: 8 }) }).optional(),
    /** Binds without a search: `uid={username},ou=people,dc=example,dc=com`, or `{username}@corp.example.com`. */
    bind_as: z
      .string()
      .max(1_024)
      .regex(/^[^{}\0]*\{username\}[^{}\0]*$/, 'must hold {username} once')
      .refine((value) => value !== '{username}', 'must hold more than {username}')
      .optional(),
    search_base: dnSetting.optional(),
    /** Attribute that the user name is compared with. */
    username_attribute: attributeSetting.default('uid'),
    /** Further attributes that an entry must have, such as objectClass: person. */
    must_have: z.record(attributeSetting, z.string().min(1)).default({}),
    /** The company's immutable id of the person. */
    reference_attribute: attributeSetting,
    /** `guid` for Active Directory's objectGUID, `hex` for other binary values. */
    reference_format: z.enum(['text', 'guid', 'hex']).default('text'),
    locked: markerSetting.optional(),
    password_change_required: markerSetting.optional(),
    timeout_ms: z.int().min(100).max(30_000).default(5_000),
    max_connections: z.int().min(1).max(200).default(20),
  })
  .refine(({ url, start_tls }) => start_tls === 'required' || LOOPBACK.test(new URL(url).hostname), {
    path: ['start_tls'],
    message: 'may be off only for a server on this machine: passwords would travel in clear',
    when: ({ value }) => ldapUrlSetting.safeParse((value as { url?: unknown }).url).success,
  })
  .refine(({ bind_as, search_base }) => search_base !== undefined || bind_as?.includes('=') === true, {
    path: ['search_base'],
    message: 'is needed to find the entry of a customer',
  });

export type LdapOptions = z.output<typeof ldapOptionsSchema>;

/** Whether the name to bind with is a distinguished name. */
export const bindsByDn = (bindAs: string) => bindAs.includes('=');

/** Escapes a value for a distinguished name (RFC 4514 section 2.4): everything but letters, digits and a few marks. */
function dnValue(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return byte < 0x80 && /[A-Za-z0-9@._-]/.test(character)
        ? character
        : `\\${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

/** The name to bind with, or `undefined` when the user name cannot be part of one. */
export function bindName(bindAs: string, username: string): string | undefined {
  if (bindsByDn(bindAs)) return bindAs.replace('{username}', () => dnValue(username));
  // A name with a domain of its own would be somebody else's.
  if (!/^[\p{L}\p{N}._-]{1,255}$/u.test(username)) return undefined;
  return bindAs.replace('{username}', () => username);
}

/** Host and port of the address; 636 or 389 by default. */
export function ldapEndpoint(url: string): { host: string; port: number; secure: boolean } {
  const { protocol, hostname, port } = new URL(url);
  const secure = protocol === 'ldaps:';
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const usual = secure ? 636 : 389;
  return {
    host: isIP(host) ? host : decodeURIComponent(host),
    port: port === '' ? usual : Number(port),
    secure,
  };
}
