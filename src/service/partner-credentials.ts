import { type ApiKeysDeps, createApiKeys } from '../api-keys/api-keys.ts';
import { createNewAddresses } from '../api-keys/new-addresses.ts';
import { createRequestSignatures } from '../api-keys/request-signatures.ts';
import {
  createPartnerProof,
  type PartnerProof,
  type PartnerProofDeps,
  type ProvePartner,
} from '../http/partner-proof.ts';
import { publicAddressOf } from '../http/signed-request.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { ReplayStore } from '../replay/replay.ts';
import { createRedisReplayStore } from '../stores/redis-replay-store.ts';
import type { RedisConnection } from '../stores/redis.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { Closer } from './open-stores.ts';
import { watchReplays } from './watch-stores.ts';

const USAGE_MS = 1_000;

export interface PartnerCredentialsDeps extends Omit<ApiKeysDeps, 'store'> {
  stores: Pick<SqlStores, 'apiKeys' | 'replays'>;
  /** Where signatures are remembered when there are several processes. */
  redis: RedisConnection | undefined;
  accessTokens: PartnerProofDeps['accessTokens'];
  /** `PUBLIC_URL`. */
  publicUrl: string;
  metrics: Metrics;
  tracing: Tracing | undefined;
}

/** API keys, request signatures and the proof of a partner, wired to their stores. */
export function createPartnerCredentials(deps: PartnerCredentialsDeps, opened: Closer[]) {
  const { stores, redis, clock, audit } = deps;
  const replays: ReplayStore = watchReplays(
    redis ? createRedisReplayStore(redis, clock) : stores.replays,
    deps,
  );
  const newAddresses = createNewAddresses({
    replays,
    clock,
    onNew: ({ kind, id, ...facts }) =>
      audit.event(`${kind}.new_address`, {
        ...facts,
        ...(kind === 'client' ? { clientId: id } : {}),
        outcome: 'success',
        actor: 'partner',
      }),
  });
  const apiKeys = createApiKeys({ ...deps, store: stores.apiKeys });
  opened.push(() => apiKeys.flush().catch(() => {}));
  const address = publicAddressOf(deps.publicUrl);
  const requestSignatures = createRequestSignatures({ clock, replays, apiKeys });
  const every: RecurringTask[] = [{ name: 'api_key_usage', everyMs: USAGE_MS, run: () => apiKeys.flush() }];
  const prove = createPartnerProof({ ...deps, apiKeys, requestSignatures, address });
  const noteAddress = ({ key, partner, proven }: PartnerProof, from: string) => {
    if (!proven || !key) return;
    const { keyId: id, publicPrefix: keyPrefix } = key;
    newAddresses.note({ kind: 'api_key', id, partner: partner.id, keyPrefix, address: from });
  };
  const provePartner: ProvePartner = (request) => {
    const noted = (proof: PartnerProof) => {
      noteAddress(proof, request.context.address);
      return proof;
    };
    const proof = prove(request);
    return proof instanceof Promise ? proof.then(noted) : noted(proof);
  };
  return { apiKeys, replays, newAddresses, endpoints: { apiKeys, address, provePartner }, every };
}
