/**
 * Keyring: one secret key per purpose, made once, sealed at rest under a key-encryption key that the operator holds,
 * and the same over restarts and on every process. It refuses to open when a key is lost or was swapped: a changed
 * identifier key would give known customers new identifiers. Called by the composition root; hands keys to rooms.
 */
import { createHash, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { AuditRecord } from '../audit/audit-record.ts';
import { StartRefused } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { KeyCheck, KeyPurpose, KeyStore, SealedKey } from './keyring-types.ts';
import { open, seal } from './seal.ts';

export const KEY_PURPOSES: readonly KeyPurpose[] = [
  'identifier',
  'identifier-index',
  'reference',
  'token-reference',
  'session',
  'session-cookie',
  'credential-pepper',
  'request-signing',
  'token-signing',
  'audit',
  'throttle',
  'grant',
  'refresh-token',
  'page-form',
  'erasure-certificate',
  'outbound',
];

/** Keys without which known customers would not be found again. */
const IDENTITY_PURPOSES: ReadonlySet<KeyPurpose> = new Set(['identifier', 'identifier-index', 'reference']);

const KEY_BYTES = 32;

export interface PurposeKey {
  version: number;
  key: KeyObject;
}

export interface Keyring {
  /** The newest key of a purpose. */
  current(purpose: KeyPurpose): PurposeKey;
  /** Every key of a purpose, newest first. */
  all(purpose: KeyPurpose): readonly PurposeKey[];
  /**
   * Makes a new newest key of a purpose; what older ones made stays readable. Returns its version. The audit record, if
   * there is to be one, is written with the key.
   */
  rotate(purpose: KeyPurpose, recordOf?: (version: number) => AuditRecord): Promise<number>;
  /** Reads keys that another process made; true when there were any. */
  refresh(): Promise<boolean>;
  /** Seals for a purpose; `context` names the record and must be given again to open. */
  seal(purpose: KeyPurpose, plaintext: Uint8Array, context: string): string;
  /** Opens what `seal` made under any version; `undefined` when it does not open. */
  open(purpose: KeyPurpose, sealed: string, context: string): Buffer | undefined;
}

export interface KeyringDeps {
  store: KeyStore;
  clock: Clock;
  /** Key-encryption keys of 32 bytes; the first seals, all open. */
  encryptionKeys: readonly Uint8Array[];
  /** Whether any customer has an identifier: then the keys that it rests on must be there. */
  hasCustomers(): Promise<boolean>;
}

interface HeldKey extends PurposeKey {
  bytes: Buffer;
}

function kekIdOf(kek: Uint8Array): string {
  return createHash('sha256').update('symbolon/kek-id').update(kek).digest('hex').slice(0, 12);
}

function checkOf(bytes: Uint8Array): string {
  return createHmac('sha256', bytes).update('symbolon/key-check').digest('hex').slice(0, 32);
}

const contextOf = (purpose: KeyPurpose, version: number) => `symbolon/key|${purpose}|${version}`;

/**
 * Opens the keyring, making the keys that a new installation lacks.
 * Throws `StartRefused` when a key cannot be opened, is missing although it once existed, or is not the one it was.
 */
export async function openKeyring(deps: KeyringDeps): Promise<Keyring> {
  const held = new Map<KeyPurpose, HeldKey[]>();
  const keks = deps.encryptionKeys.map((bytes) => ({ id: kekIdOf(bytes), bytes }));
  const sealing = keks[0];
  if (!sealing)
    throw new StartRefused('No key-encryption key is configured. Set SYMBOLON_KEY or keys.encryption_keys.');

  const unseal = (row: SealedKey): Buffer => {
    const kek = keks.find((candidate) => candidate.id === row.kekId);
    if (!kek) {
      throw new StartRefused(
        `The keys in this database are sealed under key-encryption key ${row.kekId}, which is not configured. ` +
          'Restore it (SYMBOLON_KEY, keys.encryption_keys or the key file in the data directory): without it no customer identifier can be kept.',
      );
    }
    const bytes = open(kek.bytes, row.sealed, contextOf(row.purpose, row.version));
    if (bytes?.length !== KEY_BYTES) {
      throw new StartRefused(
        `The ${row.purpose} key version ${row.version} in this database is damaged. Restore it from a backup.`,
      );
    }
    return bytes;
  };

  const load = async (): Promise<boolean> => {
    const [rows, checks] = await Promise.all([deps.store.loadKeys(), deps.store.loadChecks()]);
    const found = new Map<string, KeyCheck>(
      checks.map((check) => [`${check.purpose} ${check.version}`, check]),
    );
    const next = new Map<KeyPurpose, HeldKey[]>();
    for (const row of rows) {
      const bytes = unseal(row);
      const check = found.get(`${row.purpose} ${row.version}`);
      if (check?.check !== checkOf(bytes)) {
        throw new StartRefused(
          `The ${row.purpose} key version ${row.version} is not the one this database was set up with. ` +
            'Restore the original key: starting with another one would change what customers are known by.',
        );
      }
      found.delete(`${row.purpose} ${row.version}`);
      const list = next.get(row.purpose) ?? [];
      list.push({ version: row.version, key: createSecretKey(bytes), bytes });
      next.set(row.purpose, list);
    }
    const lost = [...found.values()][0];
    if (lost) {
      throw new StartRefused(
        `The ${lost.purpose} key version ${lost.version} is missing from this database. Restore it from a backup: ` +
          'a new key would change what customers are known by.',
      );
    }
    let changed = false;
    for (const [purpose, list] of next) {
      list.sort((a, b) => b.version - a.version);
      changed ||= list.length !== (held.get(purpose)?.length ?? 0);
      held.set(purpose, list);
    }
    return changed;
  };

  const make = async (purpose: KeyPurpose, version: number, audit?: AuditRecord): Promise<boolean> => {
    const bytes = randomBytes(KEY_BYTES);
    return deps.store.addKey(
      {
        purpose,
        version,
        kekId: sealing.id,
        sealed: seal(sealing.bytes, bytes, contextOf(purpose, version)),
        createdAtMs: deps.clock.nowMs(),
      },
      { purpose, version, check: checkOf(bytes) },
      audit,
    );
  };

  await load();
  const missing = KEY_PURPOSES.filter((purpose) => !held.has(purpose));
  const lost = missing.find((purpose) => IDENTITY_PURPOSES.has(purpose));
  if (lost !== undefined && (await deps.hasCustomers())) {
    throw new StartRefused(
      `The ${lost} key is missing from this database although it holds customers. Restore it from a backup: a new ` +
        'key would change what customers are known by.',
    );
  }
  if (missing.length > 0) {
    for (const purpose of missing) await make(purpose, 1);
    await load();
  }
  await resealUnderFirst(deps.store, keks, unseal);

  const list = (purpose: KeyPurpose): HeldKey[] => {
    const keys = held.get(purpose);
    if (!keys) throw new Error(`no key for ${purpose}`);
    return keys;
  };
  return {
    current: (purpose) => list(purpose)[0] as HeldKey,
    all: list,
    refresh: load,
    rotate: async (purpose, recordOf) => {
      await load();
      const version = (list(purpose)[0] as HeldKey).version + 1;
      await make(purpose, version, recordOf?.(version));
      await load();
      return version;
    },
    seal: (purpose, plaintext, context) => {
      const { version, key } = list(purpose)[0] as HeldKey;
      return `${version}.${seal(key, plaintext, `${purpose}|${version}|${context}`)}`;
    },
    open: (purpose, sealed, context) => {
      const dot = sealed.indexOf('.');
      const version = Number(sealed.slice(0, dot));
      const key = list(purpose).find((candidate) => candidate.version === version);
      return key && open(key.key, sealed.slice(dot + 1), `${purpose}|${version}|${context}`);
    },
  };
}

/** After the operator put a new key-encryption key first: seals every key anew, so that the old one may go. */
async function resealUnderFirst(
  store: KeyStore,
  keks: readonly { id: string; bytes: Uint8Array }[],
  unseal: (row: SealedKey) => Buffer,
): Promise<void> {
  const first = keks[0] as { id: string; bytes: Uint8Array };
  const stale = (await store.loadKeys()).filter((row) => row.kekId !== first.id);
  if (stale.length === 0) return;
  await store.resealKeys(
    stale.map((row) => ({
      ...row,
      kekId: first.id,
      sealed: seal(first.bytes, unseal(row), contextOf(row.purpose, row.version)),
    })),
  );
}
