import type { Audit } from '../audit/audit.ts';
import type { AuditRecord } from '../audit/audit-record.ts';
import { BridgeError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Revocation } from '../revocation/revocation-types.ts';
import type { AdminActor } from './partners.ts';
import {
  type DueGrace,
  graceEndMs,
  type KeptSecret,
  planRotation,
  type RotationOptions,
  type RotationPlan,
  successorTimeMs,
} from './secret-rotation.ts';

/** What an API key and a client have in common: secrets, and an end. */
interface SecretOwner {
  secrets: readonly KeptSecret[];
  revokedAtMs: number | undefined;
}

type SecretOf<Owner extends SecretOwner> = Owner['secrets'][number];

/** Replacing and ending secrets, each in one transaction with its audit entry. `Change`: what else a rotation sets. */
export interface SecretReplacementStore<Id extends string, Owner extends SecretOwner, Change> {
  find(ownerId: Id): Promise<Owner | undefined>;
  /**
   * Adds a successor, bounds every secret that lives by the plan and makes the change, all or nothing. `conflict` when
   * `maxLive` secrets live already.
   */
  rotate(
    ownerId: Id,
    rotation: { successor: SecretOf<Owner>; plan: RotationPlan; maxLive: number } & Change,
    audit: AuditRecord,
  ): Promise<'rotated' | 'conflict' | 'missing'>;
  /**
   * Marks secrets as compromised, and adds the successor when no other secret lives at `atMs`, which is decided while
   * nobody else can end one: then `replaced`, else `ended`. `missing` when none of them was left.
   */
  compromise(
    ownerId: Id,
    change: {
      secretIds: readonly string[];
      atMs: number;
      revocations?: readonly Revocation[];
      successor: SecretOf<Owner>;
    },
    audit: AuditRecord,
  ): Promise<'ended' | 'replaced' | 'missing'>;
  /** Replaced secrets whose grace has begun and is not settled. */
  dueGraces(): Promise<DueGrace[]>;
  /** Settles a grace; `missing` when another process has. */
  startGrace(secretId: string, expiresAtMs: number, audit: AuditRecord): Promise<'started' | 'missing'>;
}

/** A new secret, in clear only here, and what becomes of the old ones. */
export interface ReplacedSecret<Owner> {
  owner: Owner;
  secretId: string;
  secret: string;
  /** Secrets that still work, each with its latest end. */
  replaced: { secretId: string; latestEndMs: number; graceMs: number }[];
}

/** Replaces secrets of API keys or of clients. Whose they are keeps its public id and all its settings. */
export interface SecretReplacement<Owner, Options, Change> {
  /**
   * Makes a successor. Both secrets work; the grace of the old one begins when the successor is first used, and never
   * reaches beyond the end that the old one had. Throws `NOT_FOUND`, `CONFLICT` while a rotation is under way,
   * `INVALID_REQUEST` where there is no secret to replace.
   */
  rotate(ownerId: string, options: Options, by: AdminActor): Promise<ReplacedSecret<Owner> & Change>;
  /**
   * Ends one secret, or all of them, at once: from now on they are like secrets that never were. A successor is made
   * when none is left. Throws `NOT_FOUND`.
   */
  compromised(
    ownerId: string,
    what: { secretId?: string | undefined; reason?: string | undefined },
    by: AdminActor,
  ): Promise<{ ended: string[]; successor: { secretId: string; secret: string } | undefined }>;
  /** Sets the end of replaced secrets whose successor has come into use; how many. */
  startGraces(): Promise<number>;
}

export interface SecretReplacementDeps<
  Id extends string,
  Owner extends SecretOwner,
  Options extends RotationOptions,
  Change,
> {
  store: SecretReplacementStore<Id, Owner, Change>;
  clock: Clock;
  audit: Audit;
  /** What secrets belong to, as audit events name it. */
  kind: 'api_key' | 'client';
  /** The same in sentences: `key`. */
  noun: string;
  /** Whose secret it was, for the record. */
  factsOf(owner: Owner): Partial<AuditRecord>;
  /** The end that the old secret has already, and what else changes with it. Throws `INVALID_REQUEST`. */
  prepare(
    owner: Owner,
    options: Options,
    live: readonly SecretOf<Owner>[],
  ): { oldEndMs: number | undefined; change: Change };
  /** A new secret in clear, and what is kept of it. */
  makeSecret(owner: Owner, createdAtMs: number): { secret: string; record: SecretOf<Owner> };
  /** Tells every process that the record changed. */
  changed(ownerId: string): Promise<void>;
  /** Written in one transaction with the end of a compromised secret. */
  revocationsOf(ownerId: string): Revocation[];
  /** Honours them here, before the caller hears of it. */
  onCompromised(ownerId: string): Promise<void>;
}

/** Of one key or client, at a time: the old secret and its successor. */
export const MAX_LIVE_SECRETS = 2;

export function createSecretReplacement<
  Id extends string,
  Owner extends SecretOwner,
  Options extends RotationOptions,
  Change,
>(deps: SecretReplacementDeps<Id, Owner, Options, Change>): SecretReplacement<Owner, Options, Change> {
  const { store, clock, audit, kind, noun } = deps;

  const notFound = () =>
    new BridgeError('NOT_FOUND', { message: `There is no ${noun} of this id that is not revoked already.` });
  const known = async (ownerId: string): Promise<Owner> => {
    const owner = await store.find(ownerId as Id);
    if (!owner || owner.revokedAtMs !== undefined) throw notFound();
    return owner;
  };
  const isLive = ({ revokedAtMs, expiresAtMs }: KeptSecret) =>
    revokedAtMs === undefined && (expiresAtMs ?? Infinity) > clock.nowMs();
  const makeSecret = (owner: Owner) => deps.makeSecret(owner, successorTimeMs(clock.nowMs(), owner.secrets));

  const rotate = async (ownerId: string, options: Options, by: AdminActor) => {
    const owner = await known(ownerId);
    const live = owner.secrets.filter(isLive);
    const { oldEndMs, change } = deps.prepare(owner, options, live);
    const plan = planRotation(clock.nowMs(), options, oldEndMs);
    const { secret, record } = makeSecret(owner);
    const result = await store.rotate(
      ownerId as Id,
      { successor: record, plan, maxLive: MAX_LIVE_SECRETS, ...change },
      audit.record(`${kind}.secret_rotated`, {
        ...by,
        outcome: 'success',
        ...deps.factsOf(owner),
        details: { secret_id: record.secretId, grace_seconds: plan.graceMs / 1000 },
      }),
    );
    if (result === 'missing') throw notFound();
    if (result === 'conflict') {
      throw new BridgeError('CONFLICT', {
        message: `A rotation of this ${noun} is under way. End the old secret first, or wait for its end.`,
      });
    }
    await deps.changed(ownerId);
    const replaced = live.map(({ secretId, expiresAtMs }) => ({
      secretId,
      graceMs: plan.graceMs,
      latestEndMs: Math.min(plan.latestEndMs, expiresAtMs ?? Infinity),
    }));
    return { owner, secretId: record.secretId, secret, replaced, ...change };
  };

  const compromised: SecretReplacement<Owner, Options, Change>['compromised'] = async (
    ownerId,
    { secretId, reason },
    by,
  ) => {
    const owner = await known(ownerId);
    const ended = owner.secrets
      .filter((one) => one.revokedAtMs === undefined && one.secretId === (secretId ?? one.secretId))
      .map((one) => one.secretId);
    const made = makeSecret(owner);
    const result = await store.compromise(
      ownerId as Id,
      {
        secretIds: ended,
        atMs: clock.nowMs(),
        successor: made.record,
        revocations: deps.revocationsOf(ownerId),
      },
      audit.record(`${kind}.secret_compromised`, {
        ...by,
        outcome: 'success',
        ...deps.factsOf(owner),
        reason,
        details: { secrets: ended.length },
      }),
    );
    if (result === 'missing') {
      throw new BridgeError('NOT_FOUND', {
        message: `The ${noun} has no secret of this id that can be ended.`,
      });
    }
    await deps.onCompromised(ownerId);
    const successor =
      result === 'replaced' ? { secretId: made.record.secretId, secret: made.secret } : undefined;
    return { ended, successor };
  };

  const startGraces = async () => {
    let started = 0;
    for (const due of await store.dueGraces()) {
      const owner = await store.find(due.ownerId as Id);
      if (!owner) continue;
      const endMs = graceEndMs(due);
      const record = audit.record(`${kind}.grace_started`, {
        actor: 'system',
        outcome: 'success',
        ...deps.factsOf(owner),
        details: { secret_id: due.secretId, ends_at: new Date(endMs).toISOString() },
      });
      if ((await store.startGrace(due.secretId, endMs, record)) === 'missing') continue;
      await deps.changed(due.ownerId);
      started += 1;
    }
    return started;
  };

  return { rotate, compromised, startGraces };
}
