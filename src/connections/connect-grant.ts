/**
 * Connecting a connection once, in a browser: the address that a person at the other side opens, and what comes back.
 * Between the two everything travels sealed in `state`, so that any process can take the answer. The grant is kept only
 * when the person in the browser knows the code that the operator's terminal shows.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Audit, AuditFacts } from '../audit/audit.ts';
import { BridgeError } from '../errors.ts';
import { OutboundError } from '../outbound/outbound-types.ts';
import type { OutboundVault } from '../outbound/token-share.ts';
import type { Clock } from '../platform/clock.ts';
import { challengeOf, newVerifier } from '../platform/pkce.ts';
import { randomSeed, randomToken } from '../platform/random.ts';
import { rememberPastMs, type ReplayStore } from '../replay/replay.ts';
import type { Connection } from './connection.ts';

export interface ConnectGrantDeps {
  connections: ReadonlyMap<string, Connection>;
  vault: OutboundVault;
  replays: Pick<ReplayStore, 'consume'>;
  clock: Clock;
  audit: Pick<Audit, 'event'>;
  /** `PUBLIC_URL`. */
  publicUrl: string;
}

/** The parameters with which a browser comes back (RFC 6749 sections 4.1.2 and 4.1.2.1). */
export interface ConnectAnswer {
  /** As the address names it. */
  connection: string;
  state: string;
  code?: string | undefined;
}

/** What is needed to keep the grant: the answer, and the code that the operator read in the terminal. */
export interface ConfirmedAnswer extends ConnectAnswer {
  code: string;
  confirmation: string;
}

export interface ConnectGrant {
  /** Throws `NOT_FOUND`, or `INVALID_REQUEST` for a connection that has nothing to connect. */
  begin(
    name: string,
    by: Pick<AuditFacts, 'actor' | 'requestId' | 'address'>,
  ): { address: string; redirectUri: string; confirmation: string; expiresAtMs: number };
  /**
   * Whether an answer belongs to something that was begun here: uses nothing up. Throws `INVALID_REQUEST`, also when the
   * other side did not agree.
   */
  check(answer: ConnectAnswer): void;
  /** Throws `INVALID_REQUEST`, or `BACKEND_UNAVAILABLE` when the code could not be exchanged. */
  finish(answer: ConfirmedAnswer, from: Pick<AuditFacts, 'requestId' | 'address'>): Promise<void>;
}

const LIFE_MS = 600_000;
const CONTEXT = 'connect-state';

const stateSchema = z.strictObject({
  id: z.string(),
  connection: z.string(),
  verifier: z.string(),
  /** SHA-256 of the confirmation code, base64url. */
  confirmed: z.string(),
  expiresAtMs: z.number(),
});

/** Typed by hand from one window into another: 40 bits in letters and digits that nobody mistakes. */
const CONFIRMATION_ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const newConfirmation = (): string => {
  const letters = [...randomSeed(8)].map((byte) => CONFIRMATION_ALPHABET[byte % 32]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
};
/** The digest of a code, however it was typed. */
const confirmedBy = (typed: string, id: string): string =>
  hash('sha256', `${id} ${typed.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')}`, 'base64url');

const isSameText = (left: string, right: string): boolean =>
  left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));

const refuse = (message: string) => new BridgeError('INVALID_REQUEST', { message });

export function createConnectGrant(deps: ConnectGrantDeps): ConnectGrant {
  const { connections, vault, replays, clock, audit } = deps;
  // One address for each connection: an answer of one side cannot be passed off as another's (RFC 9700 section 4.4).
  const redirectUriOf = (name: string) => `${deps.publicUrl}/connections/${name}/callback`;

  const openState = (text: string) => {
    const opened = vault.open(text, CONTEXT);
    const state = opened === undefined ? undefined : stateSchema.safeParse(JSON.parse(opened)).data;
    return state && clock.nowMs() < state.expiresAtMs ? state : undefined;
  };

  const begunBy = (answer: ConnectAnswer) => {
    const state = openState(answer.state);
    const connector = state && connections.get(state.connection)?.connector;
    if (!state || !connector || state.connection !== answer.connection) {
      throw refuse('This address is not one that was begun here in the last ten minutes. Begin again.');
    }
    return { state, connector };
  };

  return {
    begin(name, by) {
      const connection = connections.get(name);
      if (!connection) throw new BridgeError('NOT_FOUND', { message: 'No connection has this name.' });
      if (!connection.connector) {
        throw refuse('This connection needs nobody to connect it: it has no authorization_code credential.');
      }
      const verifier = newVerifier();
      const expiresAtMs = clock.nowMs() + LIFE_MS;
      const id = randomToken(16);
      const confirmation = newConfirmation();
      const state = { id, connection: name, verifier, confirmed: confirmedBy(confirmation, id), expiresAtMs };
      const redirectUri = redirectUriOf(name);
      const address = connection.connector.addressFor({
        redirectUri,
        state: vault.seal(JSON.stringify(state), CONTEXT),
        challenge: challengeOf(verifier),
      });
      audit.event('connection.connect_started', { ...by, outcome: 'success', details: { connection: name } });
      return { address, redirectUri, confirmation, expiresAtMs };
    },
    check(answer) {
      begunBy(answer);
      // Anybody can send this: it ends nothing, and whoever began may still go on.
      if (answer.code === undefined)
        throw refuse('The other side did not agree. Open the address again, or begin again.');
    },
    async finish(answer, from) {
      const { state, connector } = begunBy(answer);
      const note = (outcome: 'success' | 'failed', reason?: string) =>
        audit.event('connection.connected', {
          ...from,
          actor: 'admin',
          outcome,
          ...(reason === undefined ? {} : { reason }),
          details: { connection: state.connection },
        });
      // Whoever got hold of the address could come back with a code for an account of their own (RFC 9700 section 4.7);
      // they do not know what stands in the operator's terminal.
      if (!isSameText(confirmedBy(answer.confirmation, state.id), state.confirmed)) {
        note('failed', 'confirmation');
        throw refuse(
          'This is not the confirmation code that the command line shows. Go back and type it again.',
        );
      }
      const used = await replays.consume('connect-state', state.id, rememberPastMs(state.expiresAtMs));
      if (used === 'replayed') {
        throw refuse('This answer has been used already. Begin again.');
      }
      try {
        await connector.finish({
          code: answer.code,
          redirectUri: redirectUriOf(state.connection),
          verifier: state.verifier,
        });
      } catch (error) {
        if (!(error instanceof OutboundError)) throw error;
        note('failed', error.failure);
        const detail = error.detail ?? 'the other side could not be asked for the token';
        throw new BridgeError('BACKEND_UNAVAILABLE', { message: `Not connected: ${detail}.`, cause: error });
      }
      note('success');
    },
  };
}
