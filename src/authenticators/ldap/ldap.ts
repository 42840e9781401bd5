import { randomBytes } from 'node:crypto';
import type { Client, Entry } from 'ldapts';
import { type CustomerReference, parseReference, type ReferenceSpace } from '../../identifiers/identifier.ts';
import type { FailureReason } from '../../outbound/failure-reason.ts';
import { createSharedPlaces } from '../../limits/shared-places.ts';
import type {
  AuthenticationContext,
  AuthenticationOutcome,
  Authenticator,
  AuthenticatorDeps,
  PasswordProof,
} from '../authenticator.ts';
import { createUnavailableReport } from '../report-unavailable.ts';
import { laneOf } from '../caller-lane.ts';
import { createCancellation } from '../cancellation.ts';
import { canonicalUsername } from '../directory/directory.ts';
import { ldapts } from './ldap-client.ts';
import { type LdapServer, withLdapClient } from './ldap-connection.ts';
import { failureReason, failureSentence, ServiceAccountRefused } from './ldap-failure.ts';
import { bindName, bindsByDn, ldapEndpoint, type LdapOptions, ldapOptionsSchema } from './ldap-settings.ts';
import { preparePassword } from '../passwords/password-hash.ts';
import { isPossibleName } from '../user-name.ts';

type Refusal = 'credentials' | 'locked' | 'password_change_required';
type Note = (step: string) => void;

const refused = (reason: Refusal): AuthenticationOutcome => ({ outcome: 'refused', reason });
const BUSY: AuthenticationOutcome = { outcome: 'unavailable', busy: true, retryAfterSeconds: 1 };
const unavailable = (reason: FailureReason): AuthenticationOutcome =>
  reason === 'busy'
    ? { ...BUSY, reason }
    : { outcome: 'unavailable', busy: false, retryAfterSeconds: 5, reason };

const MAX_USERNAME_BYTES = 255;
/** Result codes with which servers answer a bind that names nobody or nobody who may: wrong, not broken. */
const WRONG_NAME_CODES = new Set([32, 34, 48, 50, 53]);
/** constraintViolation: 389 Directory Server's word for too many wrong passwords. */
const LOCKED_CODE = 19;

/** Active Directory's reason, in the diagnostic text of a refused bind; others than these are a wrong password. */
function activeDirectoryReason(message: string): Refusal {
  const data = /\bdata ([0-9a-f]{3,4})\b/i.exec(message)?.[1]?.toLowerCase();
  if (data === '775') return 'locked';
  return data === '532' || data === '773' ? 'password_change_required' : 'credentials';
}

/** Every value of an attribute; servers choose the capitals of its name. */
function valuesOf(entry: Entry, attribute: string): (string | Buffer)[] {
  const name = Object.keys(entry).find((one) => one.toLowerCase() === attribute.toLowerCase());
  const value = name === undefined ? undefined : entry[name];
  return value === undefined ? [] : Array.isArray(value) ? [...value] : [value];
}

function isMarked(
  entry: Entry,
  marker: { attribute: string; value?: string | undefined } | undefined,
): boolean {
  if (!marker) return false;
  const values = valuesOf(entry, marker.attribute).map(String);
  return marker.value === undefined ? values.length > 0 : values.includes(marker.value);
}

/** objectGUID as Windows writes it: the first three groups are little-endian. */
function guidText(bytes: Buffer): string | undefined {
  if (bytes.length !== 16) return undefined;
  const group = (from: number, to: number) => bytes.subarray(from, to).toString('hex');
  const turned = (from: number, to: number) =>
    Buffer.from(bytes.subarray(from, to)).reverse().toString('hex');
  return [turned(0, 4), turned(4, 6), turned(6, 8), group(8, 10), group(10, 16)].join('-');
}

function referenceOf(entry: Entry, options: LdapOptions): CustomerReference | undefined {
  const [value, ...more] = valuesOf(entry, options.reference_attribute);
  // Two values would be two customers.
  if (value === undefined || more.length > 0) return undefined;
  if (options.reference_format === 'text') return parseReference(String(value));
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value, 'utf8');
  return parseReference(options.reference_format === 'guid' ? guidText(bytes) : bytes.toString('hex'));
}

/** Binds as the customer. The password policy's word, if the server has one, comes with the answer. */
async function bindCustomer(client: Client, name: string, password: string): Promise<Refusal | undefined> {
  const { InvalidCredentialsError, PasswordPolicyControl, PasswordPolicyError, ResultCodeError } = ldapts();
  const policy = new PasswordPolicyControl();
  try {
    await client.bind(name, password, policy);
  } catch (error) {
    if (!(error instanceof ResultCodeError)) throw error;
    if (policy.value?.error === PasswordPolicyError.AccountLocked || error.code === LOCKED_CODE)
      return 'locked';
    if (policy.value?.error === PasswordPolicyError.PasswordExpired) return 'password_change_required';
    if (error instanceof InvalidCredentialsError) return activeDirectoryReason(error.message);
    if (WRONG_NAME_CODES.has(error.code)) return 'credentials';
    throw error;
  }
  const mustChange = policy.value?.error;
  return mustChange === PasswordPolicyError.ChangeAfterReset ||
    mustChange === PasswordPolicyError.PasswordExpired
    ? 'password_change_required'
    : undefined;
}

/** What is asked of the server: one entry, with the attributes that are needed and no others. */
function createEntries(options: LdapOptions) {
  const { AndFilter, EqualityFilter, PresenceFilter } = ldapts();
  const marked = [options.locked?.attribute, options.password_change_required?.attribute];
  const attributes = [
    ...new Set([
      options.reference_attribute,
      options.username_attribute,
      ...marked.filter((one) => one !== undefined),
    ]),
  ];
  const binary = options.reference_format === 'text' ? [] : [options.reference_attribute];
  const timeLimit = Math.ceil(options.timeout_ms / 1_000);
  const read = { attributes, explicitBufferAttributes: binary, timeLimit, sizeLimit: 2 };
  const required = () =>
    Object.entries(options.must_have).map(([attribute, value]) => new EqualityFilter({ attribute, value }));

  return {
    /** Entries of this name; two are enough to know that it is not one. */
    find: async (client: Client, base: string, value: string): Promise<Entry[]> => {
      const named = new EqualityFilter({ attribute: options.username_attribute, value });
      const filter = new AndFilter({ filters: [named, ...required()] });
      return (await client.search(base, { ...read, scope: 'sub', filter })).searchEntries;
    },
    get: async (client: Client, dn: string): Promise<Entry[]> => {
      const filter = new AndFilter({
        filters: [new PresenceFilter({ attribute: 'objectClass' }), ...required()],
      });
      return (await client.search(dn, { ...read, scope: 'base', filter })).searchEntries;
    },
    /** Any entry that somebody could sign in with. */
    any: async (client: Client, base: string): Promise<Entry[]> => {
      const present = [options.username_attribute, options.reference_attribute].map(
        (attribute) => new PresenceFilter({ attribute }),
      );
      const filter = new AndFilter({ filters: [...present, ...required()] });
      return (await client.search(base, { ...read, sizeLimit: 1, scope: 'sub', filter })).searchEntries;
    },
  };
}

async function bindService(client: Client, options: LdapOptions): Promise<void> {
  if (!options.service_account) return;
  const { BusyError, ResultCodeError, UnavailableError } = ldapts();
  try {
    await client.bind(options.service_account.dn, options.service_account.password);
  } catch (error) {
    throw error instanceof ResultCodeError &&
      !(error instanceof BusyError || error instanceof UnavailableError)
      ? new ServiceAccountRefused()
      : error;
  }
}

/** One attempt over one connection. */
function createAttempt(options: LdapOptions) {
  const entries = createEntries(options);
  const space = options.reference_space as ReferenceSpace;

  /**
   * Servers compare names loosely (spaces, width, accents). A name that is not the stored one but for its capitals is
   * refused, or guesses under a thousand spellings would each be counted as somebody else's.
   */
  const isSpelledSo = (entry: Entry, name: string) =>
    valuesOf(entry, options.username_attribute).some(
      (value) => canonicalUsername(String(value)) === canonicalUsername(name),
    );

  const conclude = (entry: Entry, refusal: Refusal | undefined, note: Note): AuthenticationOutcome => {
    // How an account stands is told only to whoever knows its password.
    if (refusal) return refused(refusal);
    if (isMarked(entry, options.locked)) {
      note('The entry is marked as locked.');
      return refused('locked');
    }
    if (isMarked(entry, options.password_change_required)) return refused('password_change_required');
    const reference = referenceOf(entry, options);
    if (reference === undefined) {
      note(`The entry has no single, usable value of ${options.reference_attribute}.`);
      return unavailable('no_single_reference');
    }
    return { outcome: 'authenticated', space, reference };
  };

  const direct = async (
    client: Client,
    bindAs: string,
    given: { name: string; password: string },
    note: Note,
  ) => {
    const name = bindName(bindAs, given.name);
    if (name === undefined) return refused('credentials');
    const refusal = await bindCustomer(client, name, given.password);
    note(refusal ? 'The bind as the customer was refused.' : 'The bind as the customer was accepted.');
    if (refusal) return refused(refusal);
    const byDn = bindsByDn(bindAs);
    const found = byDn
      ? await entries.get(client, name)
      : await entries.find(client, options.search_base ?? '', name);
    const [entry, ...more] = found.filter((one) => isSpelledSo(one, byDn ? given.name : name));
    if (entry && more.length === 0) return conclude(entry, undefined, note);
    note(`After the bind, ${found.length} entries could be read as the customer's own, where one is needed.`);
    if (found.length === 0) return unavailable('entry_missing');
    return more.length > 0 ? unavailable('several_entries') : refused('credentials');
  };

  const searching = async (client: Client, given: { name: string; password: string }, note: Note) => {
    await bindService(client, options);
    note(options.service_account ? 'The service account is bound.' : 'The search is anonymous.');
    const found = await entries.find(client, options.search_base ?? '', given.name);
    note(`The search found ${found.length} entries.`);
    const [entry, ...more] = found;
    // Whose password it is nobody can tell.
    if (more.length > 0) return unavailable('several_entries');
    if (!entry || entry.dn === '' || !isSpelledSo(entry, given.name)) {
      // Costs the round trip of a wrong password; the password itself goes to nobody.
      await bindCustomer(
        client,
        `cn=${randomBytes(8).toString('hex')},${options.search_base}`,
        randomBytes(16).toString('hex'),
      );
      return refused('credentials');
    }
    const refusal = await bindCustomer(client, entry.dn, given.password);
    note(refusal ? 'The bind as the customer was refused.' : 'The bind as the customer was accepted.');
    return conclude(entry, refusal, note);
  };

  return (client: Client, given: { name: string; password: string }, note: Note) =>
    options.bind_as === undefined
      ? searching(client, given, note)
      : direct(client, options.bind_as, given, note);
}

function createProbe(
  options: LdapOptions,
  connected: <R>(use: (client: Client) => Promise<R>) => Promise<R>,
) {
  const entries = createEntries(options);
  const { url, search_base: base } = options;
  const wrong = (message: string) => ({ ok: false, message });

  const look = async (client: Client) => {
    await bindService(client, options);
    if (base === undefined || (options.bind_as !== undefined && !options.service_account))
      return {
        ok: true,
        message: `${url} was reached. Customers bind themselves, so nothing more can be tried without one.`,
      };
    if ((await entries.any(client, base)).length > 0)
      return { ok: true, message: `${url} was reached, and entries with a name and a reference were found.` };
    return wrong(
      `${url} was reached, but no entry below search_base shows both ${options.username_attribute} and ${options.reference_attribute}. Check these names, must_have, and what ${options.service_account ? 'the service account' : 'an anonymous search'} may read.`,
    );
  };

  return async () => {
    try {
      return await connected(look);
    } catch (error) {
      return wrong(failureSentence(url, error));
    }
  };
}

function create(options: LdapOptions, deps: Pick<AuthenticatorDeps, 'reportFailure'>): Authenticator {
  const { host, port, secure } = ldapEndpoint(options.url);
  const server: LdapServer = {
    host,
    port,
    security: secure ? 'ldaps' : options.start_tls === 'off' ? 'none' : 'start_tls',
    ca: options.ca,
    serverName: options.server_name,
  };
  const cancellation = createCancellation();
  const attempt = createAttempt(options);
  const places = createSharedPlaces(options.max_connections);

  const connected = async <R>(
    use: (client: Client) => Promise<R>,
    ended: AbortSignal = cancellation.signalFor({}),
  ): Promise<R> => withLdapClient(server, { timeoutMs: options.timeout_ms, ended }, use);

  const report = createUnavailableReport(options.name, deps);

  const authenticate = async (
    proof: PasswordProof,
    context: AuthenticationContext,
  ): Promise<AuthenticationOutcome> => {
    const { note = () => {} } = context;
    const password = preparePassword(proof.password);
    const name = proof.username.normalize('NFC');
    // A bind with an empty password succeeds for anybody (RFC 4513 section 5.1.2).
    if (password === undefined || !isPossibleName(name)) return refused('credentials');
    if (Buffer.byteLength(name) > MAX_USERNAME_BYTES) return refused('credentials');
    const lane = laneOf(context);
    if (!places.take(lane)) return BUSY;
    const ended = cancellation.signalFor(context);
    try {
      return report(await connected((client) => attempt(client, { name, password }, note), ended), context);
    } catch (error) {
      note(failureSentence(options.url, error));
      const outcome = unavailable(failureReason(error));
      // Whoever hung up learns nothing, and nothing of the server's is to be mended.
      return ended.aborted ? outcome : report(outcome, context);
    } finally {
      places.leave(lane);
    }
  };

  return {
    name: options.name,
    type: options.type,
    authenticate: async (proof, context: AuthenticationContext) =>
      proof.kind === 'password' ? authenticate(proof, context) : { outcome: 'not_mine' },
    probe: createProbe(options, connected),
    close: async () => cancellation.close(),
  };
}

/** An LDAP directory: Active Directory, OpenLDAP, 389 Directory Server and the like. */
export const ldapAuthenticator = { type: 'ldap' as const, optionsSchema: ldapOptionsSchema, create };
