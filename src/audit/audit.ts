import { setImmediate as othersGoFirst } from 'node:timers/promises';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { type AuditRecord, type AuditStore, CHAIN_BEGUN, CHANGES_CHAIN } from './audit-record.ts';
import type { RefusalAllowance } from './refusal-allowance.ts';

/** Every security event there is. */
export type AuditEventName =
  | 'customer.authenticated'
  | 'customer.login_tried'
  | 'customer.pinned'
  | 'customer.traced'
  | 'customer.imported'
  | 'customer.merged'
  | 'customer.split'
  | 'customer.erased'
  | 'customer.disabled'
  | 'customer.enabled'
  | 'customer.partner_told'
  | 'customer.devices_listed'
  | 'customer.examined'
  | 'customer.sessions_ended'
  | 'session.token_issued'
  | 'session.ended'
  | 'access_token.issued'
  | 'channel.proof_issued'
  | 'channel.proof_failed'
  | 'channel.probed'
  | 'profile.read'
  | 'partner_api.called'
  | 'profile.unproven_call'
  | 'access.denied'
  | 'access.further_refusals'
  | 'partner.created'
  | 'partner.updated'
  | 'partner.disabled'
  | 'client.created'
  | 'client.secret_rotated'
  | 'client.secret_compromised'
  | 'client.grace_started'
  | 'client.updated'
  | 'client.revoked'
  | 'consent.given'
  | 'consent.denied'
  | 'consent.withdrawn'
  | 'authorization_code.issued'
  | 'authorization_code.reused'
  | 'refresh_token.reused'
  | 'access_token.revoked'
  | 'api_key.created'
  | 'api_key.imported'
  | 'api_key.updated'
  | 'api_key.secret_added'
  | 'api_key.secret_ended'
  | 'api_key.secret_rotated'
  | 'api_key.secret_compromised'
  | 'api_key.grace_started'
  | 'api_key.revoked'
  | 'api_key.new_address'
  | 'client.new_address'
  | 'limits.tier_assigned'
  | 'connection.connect_started'
  | 'connection.connected'
  | 'directory.user_added'
  | 'directory.password_set'
  | 'directory.user_disabled'
  | 'identifier.key_rotated'
  | 'signing_key.added'
  | 'signing_key.revoked'
  | 'session_secret.rotated'
  | 'audit.pruned'
  | 'audit.quiet_day'
  | 'data.backed_up'
  | 'data.exported'
  | 'data.imported'
  | 'service.started'
  | 'service.stopped';

export type AuditFacts = Omit<AuditRecord, 'atMs' | 'event'>;

/**
 * Records security events. Reads and sign-ins join this process's own chain, flushed in batches: what happened in the
 * last `flushEveryMs` before a crash may be missing from the chain (it is in the log already). Changes by an
 * administrator do not pass here: their record is made by `record` and written in the transaction of the change.
 */
export interface Audit {
  /** Logs, counts and queues an event, unless it is a refusal beyond the allowance; returns at once. */
  event(name: AuditEventName, facts: AuditFacts): void;
  /** Makes the record of an administrative change, logs and counts it; the store writes it with the change. */
  record(name: AuditEventName, facts: AuditFacts): AuditRecord;
  /** Writes what is queued at this moment. Throws when the store is away; it is tried again by itself. */
  flush(): Promise<void>;
  /** Writes what is queued, or logs that it cannot; nothing is tried again afterwards. */
  close(): Promise<void>;
}

export interface AuditDeps {
  store: AuditStore;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** Names this process's chain; unique per start. */
  instance: string;
  /** Whether an identifier is that of a made-up person, whose records say so. Default: none is. */
  isTestCustomer?(customerId: string): boolean;
  /** Which refusals get a record of their own. Default: all. */
  allowance?: Pick<RefusalAllowance, 'admits'>;
  /** Default 100. */
  flushEveryMs?: number;
}

/** Beyond this many unwritten records the oldest are dropped from the chain (they are in the log) and counted there. */
const MAX_QUEUED = 100_000;
/** While records are dropped, one line of the log for each so many. */
const DROPS_PER_LINE = 10_000;
/** Small enough that the embedded database, which writes on this thread, holds up nobody for long. */
const MAX_BATCH = 100;
/** While the store is away it is asked again after pauses that grow to this. */
const MAX_PAUSE_MS = 5_000;

/** So frequent that their success is logged by the line of the request alone, which names the same facts. */
const ROUTINE: ReadonlySet<AuditEventName> = new Set([
  'profile.read',
  'session.token_issued',
  'channel.proof_issued',
  'access_token.issued',
]);

export function createAudit(deps: AuditDeps): Audit {
  const { store, clock, logger, metrics } = deps;
  const chain = `process/${deps.instance}`;
  let queue: AuditRecord[] = [];
  /** Records at the head of the queue that are being appended at the moment. */
  let appending = 0;
  /** Ends with the newest write; each begins when the one before it has ended. Never rejects. */
  let writes = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let dropped = 0;
  let noted = false;
  let closed = false;
  const flushEveryMs = deps.flushEveryMs ?? 100;

  const appendBatch = async (batch: readonly AuditRecord[]) => {
    appending = batch.length;
    try {
      await store.append(chain, batch);
      queue = queue.slice(batch.length);
    } finally {
      appending = 0;
    }
    if (!noted) {
      const begun = { event: CHAIN_BEGUN, outcome: 'success', actor: 'system', details: { chain } } as const;
      await store.append(CHANGES_CHAIN, [{ ...begun, atMs: clock.nowMs() }]);
      noted = true;
    }
    metrics.auditBacklog.set(queue.length);
  };
  /** Writes what is queued now; what joins meanwhile is the next batch, so that under load batches stay batches. */
  const write = async () => {
    let left = queue.length;
    while (left > 0 && queue.length > 0) {
      const batch = queue.slice(0, Math.min(left, MAX_BATCH));
      await appendBatch(batch);
      left -= batch.length;
      if (left > 0) await othersGoFirst();
    }
  };
  const flush = async () => {
    clearTimeout(timer);
    timer = undefined;
    metrics.auditBacklog.set(queue.length);
    const written = writes.then(write);
    writes = written.catch(() => {});
    try {
      await written;
    } catch (error) {
      if (failures === 0 || closed) logger.unexpected('audit.write_failed', error, { count: queue.length });
      failures++;
      throw error;
    } finally {
      if (queue.length > 0) schedule();
    }
    if (dropped > 0) logger.log('error', { event: 'audit.overflow', count: dropped });
    if (failures > 0) logger.log('info', { event: 'audit.write_recovered' });
    dropped = 0;
    failures = 0;
  };
  const schedule = () => {
    if (closed) return;
    // What went wrong is in the log by then, and the next try has its time.
    timer ??= setTimeout(
      () => void flush().catch(() => {}),
      Math.min(flushEveryMs * 2 ** failures, MAX_PAUSE_MS),
    );
  };
  /** Makes room for a record: the oldest goes that is not being appended at the moment. */
  const dropOldest = () => {
    queue.splice(appending, 1);
    if (dropped++ % DROPS_PER_LINE === 0) logger.log('error', { event: 'audit.overflow', count: dropped });
  };

  const marked = (facts: AuditFacts): AuditFacts =>
    facts.customerId !== undefined && deps.isTestCustomer?.(facts.customerId) === true
      ? { ...facts, details: { ...facts.details, test: true } }
      : facts;

  const note = (name: AuditEventName, told: AuditFacts): AuditRecord => {
    const facts = marked(told);
    metrics.events.inc({ event: name, outcome: facts.outcome });
    const routine = ROUTINE.has(name) ? 'debug' : 'info';
    logger.log(facts.outcome === 'success' ? routine : 'warn', {
      event: name,
      outcome: facts.outcome,
      actor: facts.actor,
      request_id: facts.requestId,
      partner: facts.partner,
      client_id: facts.clientId,
      key_prefix: facts.keyPrefix,
      customer_id: facts.customerId,
      channel: facts.channel,
      address: facts.address,
      reason: facts.reason,
    });
    return {
      atMs: clock.nowMs(),
      event: name,
      outcome: facts.outcome,
      actor: facts.actor,
      partner: facts.partner,
      clientId: facts.clientId,
      keyPrefix: facts.keyPrefix,
      customerId: facts.customerId,
      channel: facts.channel,
      address: facts.address,
      requestId: facts.requestId,
      reason: facts.reason,
      details: facts.details,
    };
  };

  return {
    event: (name, facts) => {
      const record = note(name, facts);
      if (deps.allowance?.admits(record) === false) return;
      queue.push(record);
      if (queue.length > MAX_QUEUED) dropOldest();
      schedule();
    },
    record: note,
    flush,
    close: async () => {
      closed = true;
      try {
        do await flush();
        while (queue.length > 0);
      } catch {
        // Logged: what could not be written is missing from the chain, not from the log.
      }
      clearTimeout(timer);
    },
  };
}
