import { randomBytes } from 'node:crypto';
import type { Audit } from '../../audit/audit.ts';
import { alterProof } from '../../channels/altered-proofs.ts';
import type { Channel } from '../../channels/channel.ts';
import { type ChannelProof, checkIdentifier, checkInputs } from '../../channels/channel-proof.ts';
import type { ChannelProfile, JsonValue } from '../../channels/channel-profile.ts';
import { evaluate, type ValueFacts } from '../../channels/evaluate-value.ts';
import type { MintProof } from '../../channels/mint-registry.ts';
import { decodeProof, type ProofVerdict, verifyProof } from '../../channels/verify-proof.ts';
import { BridgeError } from '../../errors.ts';
import type { CustomerIdentifier, CustomerReference, ReferenceSpace } from '../../identifiers/identifier.ts';
import type { AdminActor } from '../../partners/partners.ts';
import type { Clock } from '../../platform/clock.ts';
import { base32 } from '../../platform/encoding.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { SigningRings } from '../../tokens/signing-rings.ts';

/** One form of the proof, and what a vendor makes of it. */
export interface ProbeStep {
  form: 'genuine' | 'unsigned' | 'altered' | 'wrong_key' | 'expired';
  verdict: ProofVerdict['verdict'];
  why: string | undefined;
  /** Whether the verdict is what it must be. */
  ok: boolean;
}

export interface ChannelProbe {
  channel: string;
  profile: string;
  version: number;
  vendor: string;
  ok: boolean;
  kind: string | undefined;
  expiresInSeconds: number | undefined;
  /** Header and claims, for tokens that can be read; never a signature or a secret. */
  decoded: object | undefined;
  /** Names of the members that the page hands to the widget. */
  web: readonly string[];
  steps: readonly ProbeStep[];
  /** Why no proof was made. */
  failure: string | undefined;
  /** The vendor's own switch that makes it refuse visitors without a proof. */
  enforcement: string;
}

export interface ProbeChannelDeps {
  mint: MintProof;
  sessions: Pick<Sessions, 'start'>;
  rings: Pick<SigningRings, 'keySet'>;
  clock: Clock;
  audit: Audit;
  issuer: string;
}

/** Stands for a customer when a channel is probed: no company has a reference like it. */
const PROBE_REFERENCE = 'symbolon-probe' as CustomerReference;
const PROBE_SPACE = 'symbolon-probe' as ReferenceSpace;
/** RFC 2606 section 2: a mail address that reaches nobody. */
const PROBE_EMAIL = 'probe@symbolon.invalid';
/** Of the form of an S256 challenge (RFC 7636 section 4.2); nobody knows its verifier. */
const PROBE_CHALLENGE = 'symbolonprobesymbolonprobesymbolonprobe0000';

/** Made-up values of the types that the record wants. */
function probeAttributes({
  profile,
  attributes,
  allowedPersonalData,
}: ChannelProof): Record<string, JsonValue> {
  const samples = { boolean: true, number: 1, integer: 1 };
  return Object.fromEntries(
    Object.entries(profile.attributes)
      .filter(
        ([name, rule]) =>
          rule.required ||
          (Object.hasOwn(attributes, name) && (!rule.personal || allowedPersonalData.has(name))),
      )
      .map(([name, rule]) => {
        const text = name.toLowerCase().includes('mail') ? PROBE_EMAIL : 'Probe';
        return [name, rule.type === 'string' ? text.slice(0, rule.maxLength) : samples[rule.type]];
      }),
  );
}

function probeInputs(
  profile: ChannelProfile,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const known = Object.hasOwn(profile.inputs, 'code_challenge') ? { code_challenge: PROBE_CHALLENGE } : {};
  return checkInputs(profile, { ...known, ...given });
}

const messageOf = ({ proof }: ChannelProfile, facts: ValueFacts): string | undefined => {
  const message = proof.shape === 'hmac' ? evaluate(proof.message, facts) : undefined;
  return typeof message === 'string' ? message : undefined;
};

/**
 * Makes the proof of a customer that does not exist, checks it as the vendor would, and shows that the forms that an
 * impostor would try are refused. Asks no backend and pins no identifier. Throws `CHANNEL_HAS_NO_PROFILE`,
 * `INVALID_REQUEST` for an input that is missing.
 */
export function createProbeChannel(deps: ProbeChannelDeps) {
  const { mint, sessions, rings, clock, audit, issuer } = deps;

  const synthetic = (channel: Channel) =>
    sessions.start({
      customerId: `c1${base32(randomBytes(20))}` as CustomerIdentifier,
      group: channel.group,
      space: PROBE_SPACE,
      reference: PROBE_REFERENCE,
      channel: channel.id,
      authenticator: 'symbolon-probe',
    });

  const examine = async (channel: Channel, proof: ChannelProof, given: Readonly<Record<string, string>>) => {
    const { profile } = proof;
    const session = synthetic(channel);
    checkIdentifier(profile, session.customerId);
    const minted = await mint({
      channel,
      proof,
      session,
      reference: PROBE_REFERENCE,
      attributes: probeAttributes(proof),
      inputs: probeInputs(profile, given),
      requestId: 'probe',
      address: '',
    });
    const { secret } = proof.settings;
    const verify = (token: string, laterMs: number) =>
      verifyProof({
        profile,
        token,
        secret: typeof secret === 'string' ? secret : undefined,
        message: messageOf(profile, minted.facts),
        keySet: rings.keySet(),
        issuer,
        channel: channel.id,
        nowMs: clock.nowMs() + laterMs,
      });
    const genuine = await verify(minted.token, 0);
    const isCheckable = genuine.verdict !== 'not_checkable';
    const altered = isCheckable ? await alterProof(profile, minted.token, minted.expiresInSeconds) : [];
    const steps: ProbeStep[] = [step('genuine', genuine, genuine.verdict !== 'refused')];
    for (const { alteration, token, laterMs } of altered) {
      const verdict = await verify(token, laterMs);
      steps.push(step(alteration, verdict, verdict.verdict === 'refused'));
    }
    return { minted, steps };
  };

  return async (
    channel: Channel,
    input: Readonly<Record<string, string>>,
    by: AdminActor,
  ): Promise<ChannelProbe> => {
    const { proof } = channel;
    if (!proof) throw new BridgeError('CHANNEL_HAS_NO_PROFILE');
    const { profile } = proof;
    const about = {
      channel: channel.id,
      profile: profile.id,
      version: profile.version,
      vendor: profile.vendor,
      enforcement: profile.docs.enforcement.text,
    };
    const record = (ok: boolean) =>
      audit.event('channel.probed', {
        ...by,
        outcome: ok ? 'success' : 'failed',
        channel: channel.id,
        details: { profile: profile.id, version: profile.version },
      });
    try {
      const { minted, steps } = await examine(channel, proof, input);
      const ok = steps.every((one) => one.ok);
      record(ok);
      return {
        ...about,
        ok,
        kind: minted.kind,
        expiresInSeconds: minted.expiresInSeconds,
        decoded: minted.kind === 'jwt' ? decodeProof(minted.token) : undefined,
        web: Object.keys(minted.web),
        steps,
        failure: undefined,
      };
    } catch (error) {
      record(false);
      if (!(error instanceof BridgeError) || error.code === 'INVALID_REQUEST') throw error;
      const failure = `${error.message} (${error.code})`;
      const nothing = {
        kind: undefined,
        expiresInSeconds: undefined,
        decoded: undefined,
        web: [],
        steps: [],
      };
      return { ...about, ...nothing, ok: false, failure };
    }
  };
}

function step(form: ProbeStep['form'], verdict: ProofVerdict, ok: boolean): ProbeStep {
  return { form, verdict: verdict.verdict, why: verdict.verdict === 'refused' ? verdict.why : undefined, ok };
}

export type ProbeChannel = ReturnType<typeof createProbeChannel>;
