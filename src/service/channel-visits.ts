import type { Config } from '../config/config.ts';
import type { createAuthenticateCustomer } from '../customers/sign-in/authenticate-customer.ts';
import { createChannelVisits } from '../customers/channel-proofs/channel-visits.ts';
import type { MintChannelProof } from '../customers/channel-proofs/mint-channel-proof.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { RecurringTask } from '../platform/watch.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { SqlStores } from '../stores/sql/sql-stores.ts';
import type { CustomerTokens } from '../tokens/customer-token.ts';

const PRUNE_MS = 60_000;

/** Who is there on which channel, told by everything that signs a customer in or proves one. */
export function openChannelVisits(deps: {
  config: Pick<Config, 'channels'>;
  stores: Pick<SqlStores, 'channelVisits'>;
  revocations: Revocations;
  clock: Clock;
  logger: Logger;
}) {
  const lenient = deps.config.channels.filter(({ enforcement }) => enforcement !== 'enforce');
  const visits = createChannelVisits({
    ...deps,
    store: deps.stores.channelVisits,
    lenientChannels: new Set(lenient.map(({ id }) => id)),
  });
  const every: RecurringTask[] =
    lenient.length === 0 ? [] : [{ name: 'channel_visits', everyMs: PRUNE_MS, run: () => visits.prune() }];
  return {
    wasThere: visits.wasThere,
    every,

    /** Issuing waits for nothing: whoever asks whether somebody was there waits for what is under way. */
    ofTokens: (tokens: CustomerTokens): CustomerTokens => ({
      ...tokens,
      issue: (request) => {
        const issued = tokens.issue(request);
        void visits.note(request, request.channel);
        return issued;
      },
    }),

    ofSignIns:
      (
        authenticate: ReturnType<typeof createAuthenticateCustomer>,
      ): ReturnType<typeof createAuthenticateCustomer> =>
      async (request) => {
        const session = await authenticate(request);
        await visits.note(session, session.channel);
        return session;
      },

    ofProofs:
      (mint: MintChannelProof): MintChannelProof =>
      async (question) => {
        const answer = await mint(question);
        await visits.note(question.session, question.channel.id);
        return answer;
      },
  };
}

export type OpenedVisits = ReturnType<typeof openChannelVisits>;
