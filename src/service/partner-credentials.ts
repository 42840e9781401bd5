import { type ApiKeysDeps, createApiKeys } from '../api-keys/api-keys.ts';
import { createRequestSignatures } from '../api-keys/request-signatures.ts';
import { createPartnerProof, type PartnerProofDeps } from '../http/partner-proof.ts';
import { publicAddressOf } from '../http/signed-request.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { ReplayStore } from '../replay/replay.ts';
import { createRedisReplayStore } from '../stores/redis-replay-store.ts';
import type { RedisConnection } from '../stores/redis.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { Closer } from './open-stores.ts';

const USAGE_MS = 1_000;
const PRUNE_MS = 60_000;

export interface PartnerCredentialsDeps extends Omit<ApiKeysDeps, 'store'> {
  stores: Pick<SqlStores, 'apiKeys' | 'replays'>;
  /** Where signatures are remembered when there are several processes. */
  redis: RedisConnection | undefined;
  accessTokens: PartnerProofDeps['accessTokens'];
  /** `PUBLIC_URL`. */
  publicUrl: string;
}

/** API keys, request signatures and the proof of a partner, wired to their stores. */
export function createPartnerCredentials(deps: PartnerCredentialsDeps, opened: Closer[]) {
  const { stores, redis, clock } = deps;
  const replays: ReplayStore = redis ? createRedisReplayStore(redis, clock) : stores.replays;
  const apiKeys = createApiKeys({ ...deps, store: stores.apiKeys });
  opened.push(() => apiKeys.flush().catch(() => {}));
  const address = publicAddressOf(deps.publicUrl);
  const requestSignatures = createRequestSignatures({ clock, replays, apiKeys });
  const every: RecurringTask[] = [
    { name: 'api_key_usage', everyMs: USAGE_MS, run: () => apiKeys.flush() },
    { name: 'replays', everyMs: PRUNE_MS, run: () => replays.prune(clock.nowMs()) },
  ];
  const provePartner = createPartnerProof({ ...deps, apiKeys, requestSignatures, address });
  return { apiKeys, replays, endpoints: { apiKeys, address, provePartner }, every };
}
