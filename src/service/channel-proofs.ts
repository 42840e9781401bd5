import type { Audit } from '../audit/audit.ts';
import type { Backend } from '../backends/backend-types.ts';
import type { Channel, Channels } from '../channels/channel.ts';
import { createProofMinting } from '../channels/mint-registry.ts';
import type { IssueVendorCode } from '../channels/vendor-codes.ts';
import { createVendorKeys } from '../channels/vendor-keys.ts';
import type { Config } from '../config/config.ts';
import type { Connection } from '../connections/connection.ts';
import { createChannelCalls } from '../customers/channel-proofs/channel-calls.ts';
import { createCollectAttributes } from '../customers/channel-proofs/collect-attributes.ts';
import type { Identities } from '../customers/identities.ts';
import { createMintChannelProof } from '../customers/channel-proofs/mint-channel-proof.ts';
import { createProbeChannel } from '../customers/channel-proofs/probe-channel.ts';
import { fenceAttributes } from '../customers/profile/test-profiles.ts';
import { createUnprovenCustomer } from '../customers/profile/unproven-customer.ts';
import { channelEndpoints } from '../http/admin/channels.ts';
import type { ReportFailure } from '../outbound/failure-reason.ts';
import type { Partners } from '../partners/partners.ts';
import type { Clock } from '../platform/clock.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { FindSurvivor } from '../sessions/present-customer.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { CustomerTokens } from '../tokens/customer-token.ts';
import type { SigningRings } from '../tokens/signing-rings.ts';
import { channelFindings, ringsKeptByHand } from './channel-findings.ts';
import type { OpenedVisits } from './channel-visits.ts';
import type { Closer } from './open-stores.ts';
import { testProfiles } from './test-customers.ts';
import { tracedMint } from './traced.ts';

const FLUSH_MS = 5_000;
const PRUNE_MS = 3_600_000;
const SWEEP_MS = 1_000;

export interface ChannelProofsDeps {
  config: Pick<Config, 'tokens' | 'authenticators'>;
  stores: Pick<SqlStores, 'channelCalls'>;
  clock: Clock;
  audit: Audit;
  metrics: Metrics;
  tracing: Tracing | undefined;
  rings: SigningRings;
  revocations: Revocations;
  survivorOf: FindSurvivor;
  identities: Identities;
  sessions: Sessions;
  customerTokens: CustomerTokens;
  channels: Channels;
  partners: Partners;
  backends: readonly Backend[];
  visits: OpenedVisits;
  connections: ReadonlyMap<string, Connection>;
  reportFailure: ReportFailure;
  vendorCodes: { issue: IssueVendorCode };
  issuer: string;
}

/**
 * The proofs that chat vendors want, wired to keys, backends, connections and the OpenID provider. A key that vendors
 * have to be given is there before the first chat.
 */
export async function openChannelProofs(deps: ChannelProofsDeps, opened: Closer[]) {
  const isPublished = ({ proof }: Channel) => proof?.profile.proof.shape === 'published_key_jwt';
  if (deps.channels.all().some(isPublished)) await deps.rings.ensure('vendor');
  const mint = createProofMinting({ ...deps, issueVendorCode: deps.vendorCodes.issue });
  const live = createCollectAttributes(deps);
  const test = createCollectAttributes({ ...deps, environment: 'test' });
  const profiles = testProfiles(deps.config);
  const collectAttributes = fenceAttributes({ live: live.collect, test: test.collect, profiles });
  const calls = createChannelCalls({ ...deps, store: deps.stores.channelCalls });
  // A store that is away at the end costs the counts of a few seconds, not an orderly end.
  opened.push(() => calls.flush().catch(() => {}));
  const every: RecurringTask[] = [
    ...deps.visits.every,
    { name: 'channel_calls', everyMs: FLUSH_MS, run: () => calls.flush() },
    {
      name: 'attributes_forgotten',
      everyMs: SWEEP_MS,
      run: async () => [live, test].forEach(({ sweep }) => sweep()),
    },
    { name: 'channel_calls_pruned', everyMs: PRUNE_MS, run: () => calls.prune() },
  ];
  const vendorKeys = createVendorKeys(deps.rings);
  const probeChannel = createProbeChannel({ ...deps, mint });
  const nowMs = () => deps.clock.nowMs();
  return {
    ringsByHand: ringsKeptByHand(deps.channels),
    /** What `symbolon doctor` says of the channels. */
    channelFindings: () => channelFindings({ ...deps, probeChannel, nowMs }),
    every,
    adminEndpoints: channelEndpoints({ ...deps, channelCalls: calls, probeChannel, vendorKeys }),
    /** What the public endpoints of this part need. */
    endpoints: {
      mintChannelProof: deps.visits.ofProofs(
        tracedMint(createMintChannelProof({ ...deps, mint, collectAttributes }), deps.tracing),
      ),
      vendorKeys,
      unproven: createUnprovenCustomer({ ...deps, calls }),
    },
  };
}
