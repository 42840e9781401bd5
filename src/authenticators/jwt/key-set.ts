import { type CryptoKey, importJWK, type JWK } from 'jose';
import { StartRefused } from '../../errors.ts';
import { type JsonObject, readJsonObject } from '../../outbound/json-answer.ts';
import { type Destination, type HttpClient, OutboundError } from '../../outbound/outbound-types.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { JwtSettings } from './jwt-settings.ts';
import { otherIssuer } from './other-issuer.ts';

const MAX_KEY_SET_BYTES = 65_536;
const FETCH_DEADLINE_MS = 5_000;
const MAX_KEYS = 100;

/** A key that is unknown is looked for at most this often, so that a flood of made-up ones costs the provider nothing. */
const UNKNOWN_KEY_PAUSE_MS = 10_000;
/** After a failure: with older keys to go on with, and without. */
const FAILURE_PAUSE_MS = 30_000;
const EMPTY_PAUSE_MS = 5_000;

export type KeyAnswer =
  | { found: 'key'; key: CryptoKey | Uint8Array }
  /** The provider's keys are known, and this is none of them. */
  | { found: 'none' }
  /** The provider's keys cannot be had, so that nobody can tell. */
  | { found: 'unknown' };

export interface KeySet {
  /** The key that a header names by `kid` and `alg`; without a `kid`, the only one that fits `alg`. */
  find(kid: string | undefined, alg: string): Promise<KeyAnswer>;
  /** Fetches the keys now; how many there are. Throws `OutboundError`. */
  probe(): Promise<number>;
}

/** Key type and, where the algorithm fixes it, curve (RFC 7518 section 3.1, RFC 8037, RFC 9864). */
const CURVES: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
  EdDSA: 'Ed25519',
  Ed25519: 'Ed25519',
};

/** `Ed25519` is the newer name of the only `EdDSA` that anybody uses (RFC 9864). */
const nameOf = (alg: string) => (alg === 'Ed25519' ? 'EdDSA' : alg);

function fits(key: JWK, alg: string): boolean {
  if (key.use !== undefined && key.use !== 'sig') return false;
  if (key.key_ops !== undefined && !(Array.isArray(key.key_ops) && key.key_ops.includes('verify')))
    return false;
  if (key.alg !== undefined && nameOf(key.alg) !== nameOf(alg)) return false;
  const curve = CURVES[alg];
  if (curve === undefined) return key.kty === 'RSA';
  return key.kty === (curve === 'Ed25519' ? 'OKP' : 'EC') && key.crv === curve;
}

/** The one key that fits. Two that fit alike would leave the choice to chance. */
function choose(keys: readonly JWK[], kid: string | undefined, alg: string): JWK | undefined {
  const fitting = keys.filter((key) => (kid === undefined || key.kid === kid) && fits(key, alg));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function keysOf(document: JsonObject | undefined): JWK[] | undefined {
  const keys = document?.keys;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) return undefined;
  const isKey = (key: unknown) => typeof key === 'object' && key !== null && !Array.isArray(key);
  return keys.every(isKey) ? (keys as JWK[]) : undefined;
}

export interface KeySetDeps {
  httpClient: HttpClient;
  clock: Clock;
  logger: Logger;
}

/** Where the keys are: fetched anew by each call. Throws `OutboundError`. */
function createSource(settings: JwtSettings, { httpClient }: KeySetDeps): () => Promise<JWK[]> {
  const at = (url: URL, setting: string): Destination =>
    httpClient.destination(url.origin, {
      setting: `authenticators.${settings.name}.${setting}`,
      maxResponseBytes: MAX_KEY_SET_BYTES,
      totalTimeoutMs: FETCH_DEADLINE_MS,
      maxConnections: 2,
    });
  const get = async (destination: Destination, url: URL): Promise<JsonObject | undefined> => {
    const path = url.pathname + url.search;
    const headers = { accept: 'application/json' };
    const response = await httpClient.request(destination, { method: 'GET', path, headers });
    if (response.status !== 200)
      throw new OutboundError('protocol', destination.origin, `status ${response.status}`);
    return readJsonObject(response);
  };
  const keysAt = async (destination: Destination, url: URL) => {
    const keys = keysOf(await get(destination, url));
    if (!keys) throw new OutboundError('protocol', destination.origin, 'no JSON Web Key Set');
    return keys;
  };

  if (settings.keys_url !== undefined) {
    const url = new URL(settings.keys_url);
    const destination = at(url, 'keys_url');
    return () => keysAt(destination, url);
  }
  const issuer = new URL(settings.issuer);
  const destination = at(issuer, 'issuer');
  const discovery = new URL(`${settings.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  return async () => {
    const document = await get(destination, discovery);
    const wrong = (detail: string) => new OutboundError('protocol', destination.origin, detail);
    // OIDC Discovery 1.0 section 4.3: exactly the issuer that was asked for.
    if (document?.issuer !== settings.issuer) throw otherIssuer(settings.issuer, document);
    const { jwks_uri: address } = document;
    const url = typeof address === 'string' && URL.canParse(address) ? new URL(address) : undefined;
    // A document must not send us to a host that the configuration does not name.
    if (url?.origin !== issuer.origin) throw wrong('its keys are at another host: write keys_url');
    return keysAt(destination, url);
  };
}

function createImporter(): (key: JWK, alg: string) => Promise<KeyAnswer> {
  const imported = new WeakMap<JWK, Map<string, Promise<KeyAnswer>>>();
  return (key, alg) => {
    const ofKey = imported.get(key) ?? new Map<string, Promise<KeyAnswer>>();
    imported.set(key, ofKey);
    const known = ofKey.get(alg);
    if (known) return known;
    const made = importJWK(key, alg).then(
      (ready): KeyAnswer => ({ found: 'key', key: ready }),
      (): KeyAnswer => ({ found: 'none' }),
    );
    ofKey.set(alg, made);
    return made;
  };
}

/** Keys that the configuration holds. Throws `StartRefused` when two cannot be told apart. */
function createFixedKeySet(settings: JwtSettings, keys: readonly JWK[]): KeySet {
  const read = createImporter();
  const names = keys.map(({ kid }) => kid);
  if (new Set(names).size < names.length)
    throw new StartRefused(`authenticators.${settings.name}.keys need a kid each, and no kid twice.`);
  return {
    find: async (kid, alg) => {
      const [only] = keys;
      const named = keys.length === 1 && only?.kid === undefined ? undefined : kid;
      const key = choose(keys, named, alg);
      return key ? read(key, alg) : { found: 'none' };
    },
    probe: async () => keys.length,
  };
}

/**
 * The provider's keys, kept for `keys_max_age_seconds`; while the provider is down the older ones serve for
 * `keys_stale_seconds` more. At most one fetch is under way however many wait for it. Throws `StartRefused` for an
 * address that we may not call.
 */
function createFetchedKeySet(settings: JwtSettings, deps: KeySetDeps): KeySet {
  const { clock, logger } = deps;
  const fetchKeys = createSource(settings, deps);
  const read = createImporter();
  const maxAgeMs = settings.keys_max_age_seconds * 1000;
  const usableMs = maxAgeMs + settings.keys_stale_seconds * 1000;
  let keys: JWK[] = [];
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;

  const ageMs = () => clock.monotonicMs() - fetchedAtMs;
  const refresh = (): Promise<void> => {
    underWay ??= fetchKeys()
      .then((fetched) => {
        keys = fetched;
        fetchedAtMs = clock.monotonicMs();
        failedAtMs = Number.NEGATIVE_INFINITY;
      })
      .catch((error: unknown) => {
        failedAtMs = clock.monotonicMs();
        const reason = error instanceof OutboundError ? error.message : 'failed';
        logger.log('warn', { event: 'authenticator.keys_unavailable', authenticator: settings.name, reason });
        throw error;
      })
      .finally(() => (underWay = undefined));
    return underWay;
  };
  const mayFetch = () =>
    clock.monotonicMs() - failedAtMs >= (ageMs() < usableMs ? FAILURE_PAUSE_MS : EMPTY_PAUSE_MS);
  /** Whether the keys are now what the provider says they are. */
  const refreshed = async () => {
    if (!mayFetch()) return false;
    return refresh().then(
      () => true,
      () => false,
    );
  };

  return {
    find: async (kid, alg) => {
      const current = ageMs() < maxAgeMs || (await refreshed());
      if (ageMs() >= usableMs) return { found: 'unknown' };
      const key = choose(keys, kid, alg);
      if (key) return read(key, alg);
      // Asked a moment ago: there is no such key.
      if (current && ageMs() < UNKNOWN_KEY_PAUSE_MS) return { found: 'none' };
      if (!(await refreshed())) return { found: 'unknown' };
      const added = choose(keys, kid, alg);
      return added ? read(added, alg) : { found: 'none' };
    },
    probe: async () => {
      await refresh();
      return keys.length;
    },
  };
}

/** The keys of one identity provider, as its settings say where they are. */
export function createKeySet(settings: JwtSettings, deps: KeySetDeps): KeySet {
  return settings.keys ? createFixedKeySet(settings, settings.keys) : createFetchedKeySet(settings, deps);
}
