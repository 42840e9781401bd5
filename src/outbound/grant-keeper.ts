import { z } from 'zod';
import { BridgeError } from '../errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { OutboundGrantStore } from './outbound-grant.ts';
import { OutboundError } from './outbound-types.ts';
import type { GrantedToken, OutboundVault } from './token-share.ts';

/** A grant as it is used: its token, and what gets the next one. */
export interface KeptGrant extends GrantedToken {
  refreshToken: string | undefined;
  /** The other side takes its refresh token no more. */
  dead: boolean;
}

const keptSchema = z.strictObject({
  token: z.string(),
  grantedAtMs: z.number(),
  endsAtMs: z.number(),
  refreshToken: z.string().optional(),
  dead: z.boolean(),
});

export interface GrantKeeperDeps {
  /** `undefined` where there is nowhere to keep grants: then there is never one. */
  store: OutboundGrantStore | undefined;
  vault: OutboundVault | undefined;
  connection: string;
  clock: Pick<Clock, 'nowMs'>;
  logger: Logger;
  /** Of the token endpoint, for errors. */
  origin: string;
}

interface LoadedGrant {
  grant: KeptGrant | undefined;
  /** 0: there is none. */
  version: number;
}

export interface GrantKeeper {
  readonly connection: string;
  load(): Promise<LoadedGrant>;
  /** Keeps a successor of that version. Where another process was first, its grant is the answer. */
  keep(grant: KeptGrant, version: number): Promise<KeptGrant>;
  /** Keeps a grant in place of whatever there is. */
  replace(grant: KeptGrant): Promise<void>;
  /** As it was when it was last looked at. */
  state(): 'connected' | 'missing' | 'dead';
}

/** What the operator has to do about a grant. */
export function grantAdvice(connection: string, state: 'missing' | 'dead'): string {
  const what = state === 'missing' ? 'nobody has connected it yet' : 'its grant has ended';
  return `${what}; run: symbolon connections connect ${connection}`;
}

/**
 * Keeps one grant sealed in the database. A grant that was just renewed and cannot be written (its predecessor may be
 * worth nothing any more) is held here and written at the next opportunity.
 */
export function createGrantKeeper(deps: GrantKeeperDeps): GrantKeeper {
  const { store, vault, connection, clock, logger, origin } = deps;
  const context = `grant:${connection}`;
  let unwritten: LoadedGrant | undefined;
  let state: ReturnType<GrantKeeper['state']> = 'missing';

  const noteState = (grant: KeptGrant | undefined) => {
    state = grant === undefined ? 'missing' : grant.dead ? 'dead' : 'connected';
  };
  const away = (error: unknown): unknown =>
    error instanceof BridgeError && error.code === 'STORE_UNAVAILABLE'
      ? new OutboundError('no_credentials', origin, 'the database that keeps its grant cannot be reached')
      : error;

  const write = async (grant: KeptGrant, version: number): Promise<'stored' | 'outdated'> => {
    if (!store || !vault) throw new Error('there is nowhere to keep grants');
    const sealed = vault.seal(JSON.stringify(grant), context);
    return store.store({ connection, version: version + 1, sealed, updatedAtMs: clock.nowMs() });
  };
  const read = async (): Promise<LoadedGrant> => {
    const stored = await store?.find(connection);
    if (!stored || !vault) return { grant: undefined, version: 0 };
    const opened = vault.open(stored.sealed, context);
    const grant = opened === undefined ? undefined : keptSchema.safeParse(JSON.parse(opened)).data;
    return {
      grant: grant && { ...grant, refreshToken: grant.refreshToken },
      version: stored.version,
    };
  };
  const load = async (): Promise<LoadedGrant> => {
    try {
      if (unwritten) {
        const { grant, version } = unwritten;
        if (grant) await write(grant, version);
        unwritten = undefined;
      }
      const loaded = await read();
      noteState(loaded.grant);
      return loaded;
    } catch (error) {
      throw away(error);
    }
  };

  return {
    connection,
    load,
    async keep(grant, version) {
      try {
        if ((await write(grant, version)) === 'stored') {
          noteState(grant);
          return grant;
        }
        const { grant: newer } = await read();
        noteState(newer);
        return newer ?? grant;
      } catch (error) {
        logger.unexpected('outbound.grant_not_written', error);
        if (!grant.dead) unwritten = { grant, version };
        return grant;
      }
    },
    async replace(grant) {
      for (let attempt = 0; attempt < 5; attempt++) {
        const { version } = await read();
        if ((await write(grant, version)) === 'stored') {
          unwritten = undefined;
          noteState(grant);
          return;
        }
      }
      throw new BridgeError('CONFLICT');
    },
    state: () => state,
  };
}
