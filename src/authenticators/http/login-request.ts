/**
 * How the company's own log-in API is asked: the `request` part of the options, and the request for one name and
 * password. What the customer typed is put in as data: a placeholder is replaced once, and what it became is never
 * looked at again.
 */
import { z } from 'zod';
import {
  encodeSegment,
  headerNameSetting,
  isHeaderValue,
  requestPathSetting,
} from '../../outbound/outbound-settings.ts';
import type { OutboundRequest } from '../../outbound/outbound-types.ts';
import type { PasswordProof } from '../authenticator.ts';
import { scalarSetting } from './login-answer.ts';

const memberName = z.string().regex(/^_?[A-Za-z][A-Za-z0-9_.-]{0,63}$/, 'must be the name of a field');

const NAME_MARK = '{username}';
const PASSWORD_MARK = '{password}';
const MARKS = /\{(username|password)\}/g;
/** What looks like a placeholder and is none of a path or header. */
const OTHER_MARK = /\{(?!username\})[a-z_]+\}/i;

/** Credentials have places of their own, where they are masked and cannot be set twice. */
const CREDENTIAL_HEADERS = new Set(['authorization', 'cookie']);

const headerSetting = headerNameSetting.refine(
  (name) => !CREDENTIAL_HEADERS.has(name.toLowerCase()),
  "carries credentials: write ours under the connection's auth, the customer's as request.basic",
);
const headerTextSetting = z
  .string()
  .max(1_024)
  .refine(
    (text) => isHeaderValue(text.replaceAll(NAME_MARK, 'x')),
    'must be visible ASCII without a space at either end',
  )
  .refine((text) => !OTHER_MARK.test(text), `knows only the placeholder ${NAME_MARK}`);

const requestShape = z.strictObject({
  /** GET only with `basic`: a password in an address ends up in logs. */
  method: z.enum(['POST', 'GET']).default('POST'),
  /** `{username}` becomes one percent-encoded segment or parameter. */
  path: requestPathSetting.refine(
    (path) => !/[{}]/.test(path.replaceAll(NAME_MARK, 'x')),
    `knows only the placeholder ${NAME_MARK}; send the password in the body or by basic`,
  ),
  format: z.enum(['json', 'form']).default('json'),
  /** Default `username`, where the body is made of fields. */
  username_field: memberName.optional(),
  /** Default `password`, where the body is made of fields. */
  password_field: memberName.optional(),
  /** Further members with constant values. Default none. */
  extra: z.record(memberName, scalarSetting).optional(),
  /** The whole body, with `{username}` and `{password}` in its texts. */
  template: z.record(z.string().min(1).max(128), z.json()).optional().meta({ secret: true }),
  /** Constant values, or texts with `{username}`. */
  headers: z.record(headerSetting, headerTextSetting).default({}).meta({ secret: true }),
  /** Name and password of the customer as HTTP Basic. */
  basic: z.boolean().default(false),
});

export type LoginRequestOptions = z.infer<typeof requestShape>;

/** Every text of a template, and every name of a member, at any depth. */
function textsOf(value: unknown): { texts: string[]; names: string[] } {
  const found = { texts: [] as string[], names: [] as string[] };
  const visit = (part: unknown): void => {
    if (typeof part === 'string') found.texts.push(part);
    if (typeof part !== 'object' || part === null) return;
    if (!Array.isArray(part)) found.names.push(...Object.keys(part));
    Object.values(part).forEach(visit);
  };
  visit(value);
  return found;
}

const isNested = (value: unknown): boolean => typeof value === 'object' && value !== null;

type Problem = [setting: keyof LoginRequestOptions, message: string];

function templateProblems({ template, format, basic }: LoginRequestOptions): Problem[] {
  if (template === undefined) return [];
  const { texts, names } = textsOf(template);
  const holds = (mark: string) => texts.some((text) => text.includes(mark));
  const problems: Problem[] = [];
  if (!basic && !holds(PASSWORD_MARK)) problems.push(['template', `must hold ${PASSWORD_MARK} in a value`]);
  if (basic && holds(PASSWORD_MARK)) {
    problems.push(['template', `holds ${PASSWORD_MARK} although basic sends the password already`]);
  }
  if (names.some((name) => name.includes(NAME_MARK) || name.includes(PASSWORD_MARK))) {
    problems.push(['template', 'has a placeholder in the name of a member; put it into a value']);
  }
  if (format === 'form' && Object.values(template).some(isNested)) {
    problems.push([
      'template',
      'has a list or an object in a form; use texts, numbers and flags, or format: json',
    ]);
  }
  return problems;
}

/** Settings that contradict each other, and what carries nobody's name. */
function problemsOf(request: LoginRequestOptions): Problem[] {
  const { method, template, basic, path, headers } = request;
  const fields = (['username_field', 'password_field', 'extra'] as const).filter(
    (name) => request[name] !== undefined,
  );
  const problems = templateProblems(request);
  const extraOnly = fields.every((name) => name === 'extra');
  if (template !== undefined && fields.length > 0) {
    problems.push(['template', `is the whole body; write what ${fields.join(', ')} says into it instead`]);
  }
  if (template === undefined && basic && !extraOnly) {
    problems.push(['basic', 'sends name and password in a header; leave out username_field, password_field']);
  }
  if (method === 'GET' && !basic) {
    problems.push(['method', 'may be GET only with basic: true (a password in an address ends up in logs)']);
  }
  if (method === 'GET' && (template !== undefined || fields.length > 0)) {
    problems.push([
      'method',
      'is GET, which has no body; leave out template, username_field, password_field, extra',
    ]);
  }
  const named = [path, ...Object.values(headers), ...textsOf(template ?? {}).texts];
  if (template !== undefined && !basic && !named.some((text) => text.includes(NAME_MARK))) {
    problems.push(['template', `must hold ${NAME_MARK} in a value, if path and headers do not`]);
  }
  return problems;
}

/** The `request` part of the options. A request of fields (`username_field`, …) and one of a template exclude each other. */
export const loginRequestSetting = requestShape.superRefine((request, context) => {
  for (const [setting, message] of problemsOf(request)) {
    context.addIssue({ code: 'custom', path: [setting], message });
  }
});

type Credentials = Pick<PasswordProof, 'username' | 'password'>;

/** A copy with the placeholders replaced; numbers, flags and null stay what they are. */
function filled(value: unknown, credentials: Credentials): unknown {
  if (typeof value === 'string') {
    // A function, because a replacement text would give `$&` in a password a meaning.
    return value.replace(MARKS, (_mark, which: keyof Credentials) => credentials[which]);
  }
  if (Array.isArray(value)) return value.map((item) => filled(item, credentials));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, credentials)]));
}

/**
 * A name inside a header: percent-encoded, but for letters, digits, `-_.!~*'()@+`, so that it can end neither a value
 * nor a quoted string. `undefined` for names with control characters.
 */
function headerText(name: string): string | undefined {
  if (/\p{Cc}/u.test(name)) return undefined;
  return encodeURIComponent(name).replaceAll('%40', '@').replaceAll('%2B', '+');
}

/**
 * RFC 7617 sections 2 and 2.1: UTF-8 in form C. `undefined` for a name with a colon, which would end there and hand its
 * rest over as the password's beginning, and for control characters.
 */
function basicCredentials({ username, password }: Credentials): string | undefined {
  if (username.includes(':') || /\p{Cc}/u.test(username + password)) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`.normalize('NFC'), 'utf8').toString('base64')}`;
}

function membersOf(
  request: LoginRequestOptions,
  credentials: Credentials,
): Record<string, unknown> | undefined {
  const { template, extra, basic } = request;
  if (template !== undefined) return filled(template, credentials) as Record<string, unknown>;
  if (basic) return extra;
  return {
    ...extra,
    [request.username_field ?? 'username']: credentials.username,
    [request.password_field ?? 'password']: credentials.password,
  };
}

function encoded(members: Record<string, unknown>, format: LoginRequestOptions['format']): string {
  if (format === 'json') return JSON.stringify(members);
  const form = new URLSearchParams();
  for (const name in members) form.set(name, String(members[name]));
  return form.toString();
}

function pathFor(request: LoginRequestOptions, username: string): string | undefined {
  if (!request.path.includes(NAME_MARK)) return request.path;
  const segment = encodeSegment(username);
  return segment === undefined ? undefined : request.path.replaceAll(NAME_MARK, segment);
}

/**
 * The request for one name and password. `undefined` when they cannot be sent unchanged to where the configuration wants
 * them: no account can have them.
 */
export function loginRequest(
  request: LoginRequestOptions,
  credentials: Credentials,
  requestId: string,
): OutboundRequest | undefined {
  const { username, password } = credentials;
  // A broken surrogate would reach the other side as another character, and so as another name.
  if (!username.isWellFormed() || !password.isWellFormed()) return undefined;
  const headers: Record<string, string> = { accept: 'application/json' };
  for (const [name, text] of Object.entries(request.headers)) {
    const inserted = text.includes(NAME_MARK) ? headerText(username) : '';
    if (inserted === undefined) return undefined;
    headers[name] = text.replaceAll(NAME_MARK, () => inserted);
  }
  headers['x-request-id'] = requestId;
  const path = pathFor(request, username);
  if (path === undefined) return undefined;
  if (request.basic) {
    const authorization = basicCredentials(credentials);
    if (authorization === undefined) return undefined;
    headers['authorization'] = authorization;
  }
  const members = membersOf(request, credentials);
  if (members === undefined) return { method: request.method, path, headers };
  headers['content-type'] =
    request.format === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
  return { method: request.method, path, headers, body: encoded(members, request.format) };
}

/** A request to the same address without anybody's name or password. */
export function probeRequest(request: LoginRequestOptions): OutboundRequest {
  const constant = Object.entries(request.headers).filter(([, text]) => !text.includes(NAME_MARK));
  const path = request.path.replaceAll(NAME_MARK, 'nobody');
  return { method: 'GET', path, headers: Object.fromEntries(constant) };
}
