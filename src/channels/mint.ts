/** Minting: what every shape gets and gives. Shapes are in `mint-*.ts`, one file each, listed in `mint-registry.ts`. */
import { BridgeError } from '../errors.ts';
import type { CustomerReference } from '../identifiers/identifier.ts';
import { randomToken } from '../platform/random.ts';
import type { CustomerSession } from '../sessions/session.ts';
import type { Channel } from './channel.ts';
import type { ChannelProof } from './channel-proof.ts';
import type { JsonValue, ProofShape } from './channel-profile.ts';
import { ValueMissing, type ValueFacts } from './evaluate-value.ts';

export type ProofKind = 'jwt' | 'hmac' | 'opaque';

/** A proof that is wanted. Attributes and inputs have been checked against the record. */
export interface MintRequest {
  channel: Channel;
  proof: ChannelProof;
  session: CustomerSession;
  /** When that session is over whatever happens, Unix milliseconds. Default: by the lifetimes of cookie sessions. */
  sessionEndsAtMs?: number | undefined;
  reference: CustomerReference;
  attributes: Readonly<Record<string, JsonValue>>;
  inputs: Readonly<Record<string, string>>;
  requestId: string;
  address: string;
}

export interface MintedProof {
  kind: ProofKind;
  token: string;
  /** After which the page must have asked again. */
  expiresInSeconds: number;
  /** What the proof was made of, with the proof itself, for the members of `web`. */
  facts: ValueFacts;
}

/** A shape as the record has it, with everything of the request. */
export interface ShapedRequest<Name extends ProofShape['shape']> extends MintRequest {
  shape: Extract<ProofShape, { shape: Name }>;
}

export type Mint<Name extends ProofShape['shape']> = (
  request: ShapedRequest<Name>,
) => MintedProof | Promise<MintedProof>;

interface Times {
  lifetimeSeconds: number;
  maxSeconds: number;
  backdateSeconds: number;
}

/**
 * The facts of a request at this moment. `iat` is back-dated; `exp` counts from the true moment and never lies further
 * from `iat` than the vendor's cap.
 */
export function factsOf(
  { proof, session, attributes, inputs }: MintRequest,
  nowMs: number,
  { lifetimeSeconds, maxSeconds, backdateSeconds }: Times,
): ValueFacts {
  const now = Math.floor(nowMs / 1000);
  const issuedAt = now - backdateSeconds;
  return {
    identifier: session.customerId,
    attributes,
    settings: proof.settings,
    inputs,
    issuedAt,
    expiresAt: Math.min(now + lifetimeSeconds, issuedAt + maxSeconds),
    tokenId: randomToken(16),
  };
}

/** Runs minting; what the record needs and is not there becomes an error for the caller. */
export async function orMissing<Made>(make: () => Made | Promise<Made>): Promise<Made> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof ValueMissing)) throw error;
    const { from, member } = error;
    if (from === 'input') {
      const message = 'This channel needs an input of this name.';
      throw new BridgeError('INVALID_REQUEST', { message, details: { input: member } });
    }
    throw new BridgeError('CHANNEL_ATTRIBUTE_MISSING', { details: { [from]: member }, cause: error });
  }
}

export const valueNotAllowed = (member: string, fault: string): BridgeError =>
  new BridgeError('CHANNEL_VALUE_NOT_ALLOWED', { details: { member, fault } });
