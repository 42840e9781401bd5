/** Proofs made by the real minting code, without an HTTP edge. */
import type { Channel } from '../../../src/channels/channel.ts';
import { type ChannelProof, proofLifetime } from '../../../src/channels/channel-proof.ts';
import type { ChannelProfile, JsonValue } from '../../../src/channels/channel-profile.ts';
import { createProofMinting, type MintDeps } from '../../../src/channels/mint-registry.ts';
import type {
  ChannelGroup,
  CustomerIdentifier,
  CustomerReference,
  ReferenceSpace,
} from '../../../src/identifiers/identifier.ts';
import { createSessions } from '../../../src/sessions/sessions.ts';
import { createCustomerTokens } from '../../../src/tokens/customer-token.ts';
import { ISSUER, openRooms } from '../fixture.ts';

export const CUSTOMER = 'c1ab7qk2m4xw3hd5pzt6yrlf2vnoscuige' as CustomerIdentifier;
export const SECRET = 'q8Jr2ZkW5xVt7Np4Ls6Hd9Fb3Mc1Yg0A';

export interface Wanted {
  settings?: Record<string, JsonValue>;
  attributes?: Record<string, JsonValue>;
  inputs?: Record<string, string>;
  lifetimeSeconds?: number;
  client?: string;
  customerId?: string;
}

/** Opens the rooms that minting needs; `mint` makes a proof by a record as it stands. */
export async function openMinting(overrides: Partial<MintDeps> = {}) {
  const rooms = await openRooms();
  const { clock, rings, keyring, metrics, revocations } = rooms;
  const sessions = createSessions({
    keyring,
    clock,
    revocations,
    lifetimes: { idleSeconds: 1_800, absoluteSeconds: 28_800 },
    maxTokenLifetimeSeconds: 28_800,
  });
  const customerTokens = createCustomerTokens({
    rings,
    keyring,
    clock,
    metrics,
    issuer: ISSUER,
    clockToleranceSeconds: 60,
  });
  const reported: unknown[] = [];
  const minting = createProofMinting({
    clock,
    rings,
    customerTokens,
    connections: new Map(),
    reportFailure: (failure) => reported.push(failure),
    issueVendorCode: () => Promise.reject(new Error('no OpenID provider in this test')),
    ...overrides,
  });
  const channelOf = (profile: ChannelProfile, wanted: Wanted = {}): Channel & { proof: ChannelProof } => ({
    id: 'help',
    group: 'north' as ChannelGroup,
    delivery: 'cookie',
    allowedDeliveries: ['cookie', 'token'],
    tokenLifetimeSeconds: 900,
    refreshTokens: undefined,
    authenticators: ['directory'],
    allowedOrigins: [],
    appRedirects: [],
    proof: {
      profile,
      settings: wanted.settings ?? { secret: SECRET },
      attributes: {},
      allowedPersonalData: new Set(Object.keys(profile.attributes)),
      lifetimeSeconds: wanted.lifetimeSeconds ?? proofLifetime(profile.proof)?.defaultSeconds ?? 900,
      client: wanted.client,
    },
  });
  const reference = '4711' as CustomerReference;
  const mint = (profile: ChannelProfile, wanted: Wanted = {}) => {
    const channel = channelOf(profile, wanted);
    const session = sessions.start({
      customerId: (wanted.customerId ?? CUSTOMER) as CustomerIdentifier,
      group: channel.group,
      space: 'directory' as ReferenceSpace,
      reference,
      channel: channel.id,
      authenticator: 'directory',
    });
    return minting({
      channel,
      proof: channel.proof,
      session,
      reference,
      attributes: wanted.attributes ?? {},
      inputs: wanted.inputs ?? {},
      requestId: 'req-1',
      address: '192.0.2.7',
    });
  };
  return { ...rooms, sessions, reported, mint, channelOf };
}

/** A record of one shape with as little as there can be; tests change what they look at. */
export function recordOf(proof: ChannelProfile['proof'], rest: Partial<ChannelProfile> = {}): ChannelProfile {
  return {
    id: 'sample',
    version: 1,
    vendor: 'Sample',
    product: 'Chat',
    proof,
    identifier: { is: 'opaque', field: 'sub' },
    attributes: {},
    inputs: {},
    settings: undefined as never,
    web: { adapter: 'sample', style: 'pull', members: {}, snippet: '', logoutOrder: ['bridge'] },
    docs: {
      consoleSteps: [],
      enforcement: { text: 'Turn it on.', confidence: 'read' },
      customerSees: [],
      contentSecurityPolicy: {},
      commonErrors: [],
      mobile: [],
      openQuestions: [],
      sources: [],
    },
    ...rest,
  };
}

export const JWT_PARTS = {
  header: { typ: { constant: 'JWT' } },
  claims: {
    sub: { from: 'identifier' },
    iat: { from: 'issued_at' },
    exp: { from: 'expires_at' },
  },
  lifetime: { defaultSeconds: 600, maxSeconds: 600 },
  backdateSeconds: 30,
  maxTokenBytes: 2_048,
} as const;
