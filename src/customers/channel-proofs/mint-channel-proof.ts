import type { Audit } from '../../audit/audit.ts';
import { type Channel, servesCustomer } from '../../channels/channel.ts';
import {
  attributesThatLeave,
  type ChannelProof,
  checkAttributes,
  checkIdentifier,
  checkInputs,
} from '../../channels/channel-proof.ts';
import type { JsonValue } from '../../channels/channel-profile.ts';
import type { MintProof } from '../../channels/mint-registry.ts';
import type { ProofKind } from '../../channels/mint.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerReference } from '../../identifiers/identifier.ts';
import type { Partners } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Metrics } from '../../platform/metrics.ts';
import type { CustomerSession } from '../../sessions/session.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { CollectAttributes } from './collect-attributes.ts';

/** A vendor's proof as the page of a signed-in customer asks for it. */
export interface ProofQuestion {
  channel: Channel;
  session: CustomerSession;
  /** When a session that is no cookie's is over, Unix milliseconds. */
  sessionEndsAtMs?: number | undefined;
  /** What the page sent along, unchecked. */
  input: Readonly<Record<string, unknown>>;
  requestId: string;
  traceparent: string;
  address: string;
}

export interface ChannelProofAnswer {
  channel: string;
  kind: ProofKind;
  token: string;
  expiresInSeconds: number;
  customerId: string;
  web: Record<string, JsonValue>;
}

export interface MintChannelProofDeps {
  mint: MintProof;
  collectAttributes: CollectAttributes;
  sessions: Pick<Sessions, 'reference' | 'endsAtMs'>;
  partners: Pick<Partners, 'ofGroup'>;
  clock: Pick<Clock, 'nowMs'>;
  audit: Audit;
  metrics: Metrics;
}

interface FilledAttributes {
  attributes: Record<string, JsonValue>;
  /** Attributes that should have been there and are not: unfit, not allowed, or their backend is away. */
  leftOut: string[];
}

/**
 * The attributes of a record, filled from the company's backends: only those that are mapped and that really leave
 * the house are asked for. Throws `CHANNEL_ATTRIBUTES_UNAVAILABLE` when a backend is away that holds one which the
 * record cannot do without.
 */
function createFillAttributes(collectAttributes: CollectAttributes) {
  return async (question: ProofQuestion & { proof: ChannelProof; reference: CustomerReference }) => {
    const { proof, session, reference, requestId, traceparent } = question;
    const mapped = attributesThatLeave(proof.profile).filter((name) => Object.hasOwn(proof.attributes, name));
    if (mapped.length === 0) return checkAttributes(proof, {});
    const fieldOf = (name: string) => proof.attributes[name] as string;
    const { customerId } = session;
    const fields = new Set(mapped.map(fieldOf));
    const asked = { customerId, reference, fields, requestId, traceparent };
    const { values, unknown } = await collectAttributes(asked);
    const away = mapped.filter((name) => unknown.has(fieldOf(name)));
    if (away.some((name) => proof.profile.attributes[name]?.required)) {
      throw new BridgeError('CHANNEL_ATTRIBUTES_UNAVAILABLE', { retryAfterSeconds: 5 });
    }
    const given = Object.fromEntries(mapped.map((name) => [name, values.get(fieldOf(name))]));
    const { attributes, leftOut } = checkAttributes(proof, given);
    return { attributes, leftOut: [...leftOut, ...away] };
  };
}

/**
 * Makes the proof that a channel's vendor wants, for a live session of the channel's group. Recorded with the version
 * of the record and the names, never the values, of what left the house; over when the session is, at the latest. Throws
 * `CHANNEL_HAS_NO_PROFILE`, `CHANNEL_NOT_ALLOWED` for another group or a disabled partner, `NOT_SIGNED_IN`, `INVALID_REQUEST` and the `CHANNEL_…` codes.
 */
export function createMintChannelProof(deps: MintChannelProofDeps) {
  const { mint, sessions, partners, clock, audit, metrics } = deps;
  const fillAttributes = createFillAttributes(deps.collectAttributes);

  /** The proof as this session may have it: none ends later than its session. */
  const withinSession = (proof: ChannelProof, endsAtMs: number): ChannelProof => {
    const leftSeconds = Math.floor((endsAtMs - clock.nowMs()) / 1000);
    if (leftSeconds < 1) throw new BridgeError('NOT_SIGNED_IN');
    return { ...proof, lifetimeSeconds: Math.min(proof.lifetimeSeconds, leftSeconds) };
  };

  const make = async (question: ProofQuestion, ofChannel: ChannelProof) => {
    const { channel, session } = question;
    if (partners.ofGroup(channel.group)?.disabledAtMs !== undefined) {
      throw new BridgeError('CHANNEL_NOT_ALLOWED', { message: 'The partner of this channel is disabled.' });
    }
    if (channel.group !== session.group || !servesCustomer(channel, session.customerId)) {
      throw new BridgeError('CHANNEL_NOT_ALLOWED');
    }
    const reference = sessions.reference(session);
    if (reference === undefined) throw new BridgeError('NOT_SIGNED_IN');
    const sessionEndsAtMs = question.sessionEndsAtMs ?? sessions.endsAtMs(session);
    const proof = withinSession(ofChannel, sessionEndsAtMs);
    checkIdentifier(proof.profile, session.customerId);
    const inputs = checkInputs(proof.profile, question.input);
    const filled: FilledAttributes = await fillAttributes({ ...question, proof, reference });
    const { attributes } = filled;
    const minted = await mint({ ...question, sessionEndsAtMs, proof, reference, inputs, attributes });
    return { minted, filled };
  };

  return async (question: ProofQuestion): Promise<ChannelProofAnswer> => {
    const { channel, session, requestId, address } = question;
    const { proof } = channel;
    if (!proof) throw new BridgeError('CHANNEL_HAS_NO_PROFILE');
    const { id: profile, version } = proof.profile;
    const facts = {
      actor: 'customer',
      customerId: session.customerId,
      channel: channel.id,
      requestId,
      address,
    } as const;
    try {
      const { minted, filled } = await make(question, proof);
      const attributes = Object.keys(filled.attributes).sort().join(' ');
      const leftOut = filled.leftOut.sort().join(' ');
      metrics.channelProofs.inc({ channel: channel.id, outcome: 'issued' });
      audit.event('channel.proof_issued', {
        ...facts,
        outcome: 'success',
        details: {
          profile,
          version,
          ...(attributes !== '' && { attributes }),
          ...(leftOut !== '' && { left_out: leftOut }),
        },
      });
      const { kind, token, expiresInSeconds, web } = minted;
      return { channel: channel.id, kind, token, expiresInSeconds, customerId: session.customerId, web };
    } catch (error) {
      if (error instanceof BridgeError) {
        metrics.channelProofs.inc({ channel: channel.id, outcome: error.code });
        if (error.code.startsWith('CHANNEL_') && error.code !== 'CHANNEL_NOT_ALLOWED') {
          audit.event('channel.proof_failed', {
            ...facts,
            outcome: 'failed',
            reason: error.code,
            details: { profile, version },
          });
          error.recorded = true;
        }
      }
      throw error;
    }
  };
}

export type MintChannelProof = ReturnType<typeof createMintChannelProof>;
