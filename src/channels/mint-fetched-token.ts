import { hash, randomBytes } from 'node:crypto';
import type { Connection } from '../connections/connection.ts';
import { BridgeError } from '../errors.ts';
import { open, seal } from '../keyring/seal.ts';
import {
  type FailureReason,
  type ReportFailure,
  reasonOfError,
  reasonOfStatus,
} from '../outbound/failure-reason.ts';
import { parseAnswerPath, parseJsonObject, valueAt } from '../outbound/json-answer.ts';
import type { OutboundResponse } from '../outbound/outbound-types.ts';
import type { Clock } from '../platform/clock.ts';
import { evaluateMembers, evaluatePath, type ValueFacts } from './evaluate-value.ts';
import { factsOf, type Mint, type MintRequest, type ShapedRequest, valueNotAllowed } from './mint.ts';

export interface FetchedTokenMintDeps {
  connections: ReadonlyMap<string, Pick<Connection, 'name' | 'request'>>;
  clock: Clock;
  reportFailure: ReportFailure;
}

interface Fetched {
  token: string;
  expiresAtMs: number;
}

interface Kept {
  sealed: string;
  /** From here on it is fetched anew: four fifths of its life, by whichever clock is there first. */
  renewAtMs: number;
  renewMonotonicMs: number;
}

const MAX_KEPT = 20_000;
const MAX_TOKEN_LENGTH = 8_192;
const RENEW_SHARE = 0.8;
const TOKEN = /^[\x21-\x7e]+$/;
/** Failures of a call to which the vendor did answer, or that will not pass by themselves. */
const LASTING: ReadonlySet<FailureReason> = new Set(['too_large', 'protocol', 'refused_address']);

type FetchShape = ShapedRequest<'fetched_token'>['shape'];

/** Reads the vendor's answer, or says why it is none. */
function readAnswer(
  shape: FetchShape,
  response: OutboundResponse,
  { capMs, nowMs }: { capMs: number; nowMs: number },
): Fetched | FailureReason {
  const answer = parseJsonObject(response);
  if (typeof answer === 'string') return answer;
  const token = valueAt(answer, parseAnswerPath(shape.tokenAt));
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH || !TOKEN.test(token)) {
    return 'success_missing';
  }
  const stated =
    shape.expiresAtMsAt === undefined ? undefined : valueAt(answer, parseAnswerPath(shape.expiresAtMsAt));
  if (stated === undefined) return { token, expiresAtMs: capMs };
  const isTime = typeof stated === 'number' && Number.isSafeInteger(stated) && stated > nowMs;
  return isTime ? { token, expiresAtMs: Math.min(capMs, stated) } : 'success_missing';
}

/**
 * A token that the vendor's API gives for one customer. It is kept, sealed under a key of this process alone, for each
 * channel, customer and request until four fifths of its life are over; of many callers at once one fetches.
 * Throws `CHANNEL_VENDOR_UNAVAILABLE`, `CHANNEL_VENDOR_ERROR`.
 */
export function createFetchedTokenMint(deps: FetchedTokenMintDeps): Mint<'fetched_token'> {
  const { connections, clock, reportFailure } = deps;
  const sealKey = randomBytes(32);
  const kept = new Map<string, Kept>();
  const underWay = new Map<string, Promise<Fetched>>();

  const recall = (key: string): Fetched | undefined => {
    const entry = kept.get(key);
    if (!entry) return undefined;
    const isFresh = clock.nowMs() < entry.renewAtMs && clock.monotonicMs() < entry.renewMonotonicMs;
    const bytes = isFresh ? open(sealKey, entry.sealed, key) : undefined;
    if (bytes) return JSON.parse(bytes.toString('utf8')) as Fetched;
    kept.delete(key);
    return undefined;
  };

  const keep = (key: string, fetched: Fetched): void => {
    const oldest = kept.size >= MAX_KEPT ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
    const nowMs = clock.nowMs();
    const servesMs = (fetched.expiresAtMs - nowMs) * RENEW_SHARE;
    kept.set(key, {
      sealed: seal(sealKey, Buffer.from(JSON.stringify(fetched)), key),
      renewAtMs: nowMs + servesMs,
      renewMonotonicMs: clock.monotonicMs() + servesMs,
    });
  };

  const failed = (
    { channel, requestId }: Pick<MintRequest, 'channel' | 'requestId'>,
    reason: FailureReason,
    status?: number,
  ): never => {
    reportFailure({ event: 'channel_vendor.failed', name: channel.id, reason, status, requestId });
    const isPassing = status === undefined ? !LASTING.has(reason) : status === 429 || status >= 500;
    throw new BridgeError(isPassing ? 'CHANNEL_VENDOR_UNAVAILABLE' : 'CHANNEL_VENDOR_ERROR');
  };

  const fetchToken = async (
    connection: Pick<Connection, 'name' | 'request'>,
    request: ShapedRequest<'fetched_token'>,
    { path, body, facts }: { path: string; body: string; facts: ValueFacts },
  ): Promise<Fetched> => {
    const { shape } = request;
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const { method } = shape.request;
    const response = await connection
      .request({ method, path, headers, body })
      .catch((error: unknown) => failed(request, reasonOfError(error)));
    const { status } = response;
    if (status !== 200 && status !== 201) return failed(request, reasonOfStatus(status), status);
    const fetched = readAnswer(shape, response, { capMs: facts.expiresAt * 1000, nowMs: clock.nowMs() });
    if (typeof fetched === 'string') return failed(request, fetched, status);
    return fetched;
  };

  return async (request) => {
    const { shape, proof, channel, session } = request;
    const { lifetimeSeconds } = proof;
    const named = proof.settings['connection'];
    const connection = typeof named === 'string' ? connections.get(named) : undefined;
    if (!connection) throw new Error(`channel ${channel.id} was opened without a connection`);
    const nowMs = clock.nowMs();
    const { maxSeconds } = shape.lifetime;
    const facts = factsOf(request, nowMs, {
      lifetimeSeconds,
      maxSeconds,
      backdateSeconds: 0,
    });
    const stable = { ...facts, tokenId: '', issuedAt: 0, expiresAt: 0 };
    const path = evaluatePath(shape.request.path, facts);
    const body = JSON.stringify(evaluateMembers(shape.request.body, facts));
    if (path.split('/').some((part) => /^(\.|%2e){1,2}$/i.test(part)))
      throw valueNotAllowed('path', 'characters');
    const asked = JSON.stringify([
      // After a split the same identifier is somebody else's.
      request.reference,
      // What a session had shortly before its end is not what the next one gets, nor the other way round.
      lifetimeSeconds < (channel.proof?.lifetimeSeconds ?? 0) ? request.sessionEndsAtMs : '',
      evaluatePath(shape.request.path, stable),
      evaluateMembers(shape.request.body, stable),
    ]);
    const key = [channel.id, session.customerId, hash('sha256', asked, 'base64url')].join('|');
    let fetching = underWay.get(key);
    let fetched = recall(key);
    if (!fetched) {
      if (!fetching) {
        fetching = fetchToken(connection, request, { path, body, facts }).then((made) => {
          keep(key, made);
          return made;
        });
        underWay.set(key, fetching);
        const forget = () => void underWay.delete(key);
        fetching.then(forget, forget);
      }
      fetched = await fetching;
    }
    const { token, expiresAtMs } = fetched;
    const expiresInSeconds = Math.max(1, Math.floor((expiresAtMs - clock.nowMs()) / 1000));
    return { kind: 'opaque', token, expiresInSeconds, facts: { ...facts, proof: token } };
  };
}
