import { createSecretKey } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuthenticationOutcome, Authenticator } from '../../../src/authenticators/authenticator.ts';
import { type Channel, createChannels } from '../../../src/channels/channel.ts';
import { createAuthenticateCustomer } from '../../../src/customers/sign-in/authenticate-customer.ts';
import { createEndSessions } from '../../../src/customers/sessions/end-sessions.ts';
import { createIdentities } from '../../../src/customers/identities.ts';
import { createIssueCustomerToken } from '../../../src/customers/sessions/issue-customer-token.ts';
import { BridgeError } from '../../../src/errors.ts';
import { createSignInThrottle } from '../../../src/limits/sign-in-throttle.ts';
import { createSessions, type Sessions } from '../../../src/sessions/sessions.ts';
import { createCustomerTokens } from '../../../src/tokens/customer-token.ts';
import { ADMIN, ISSUER, openRooms, type Rooms } from '../fixture.ts';

const signedIn = (reference: string, space = 'crm') =>
  ({ outcome: 'authenticated', space, reference }) as AuthenticationOutcome;
const WRONG: AuthenticationOutcome = { outcome: 'refused', reason: 'credentials' };
const LOCKED: AuthenticationOutcome = { outcome: 'refused', reason: 'locked' };
const CHANGE: AuthenticationOutcome = { outcome: 'refused', reason: 'password_change_required' };
const NOT_MINE: AuthenticationOutcome = { outcome: 'not_mine' };
const DOWN: AuthenticationOutcome = { outcome: 'unavailable', busy: false, retryAfterSeconds: 7 };
const BUSY: AuthenticationOutcome = { outcome: 'unavailable', busy: true, retryAfterSeconds: 1 };

let rooms: Rooms;
let sessions: Sessions;
/** What each authenticator of the channel answers, in order. */
let outcomes: AuthenticationOutcome[];
let asked: string[];

beforeEach(async () => {
  rooms = await openRooms();
  outcomes = [];
  asked = [];
  const { keyring, clock, revocations } = rooms;
  sessions = createSessions({
    keyring,
    clock,
    revocations,
    lifetimes: { idleSeconds: 1_800, absoluteSeconds: 28_800 },
    maxTokenLifetimeSeconds: 28_800,
  });
});
afterEach(() => rooms.close());

const channel = (id = 'web', group = 'default') =>
  ({
    id,
    group,
    delivery: 'token',
    allowedDeliveries: ['token', 'cookie'],
    tokenLifetimeSeconds: 900,
    refreshTokens: undefined,
    authenticators: outcomes.map((_, n) => `auth-${n}`),
    allowedOrigins: [],
    appRedirects: [],
  }) as unknown as Channel;

const scripted = (n: number): Authenticator => ({
  name: `auth-${n}`,
  type: 'scripted',
  authenticate: async () => {
    asked.push(`auth-${n}`);
    return outcomes[n] as AuthenticationOutcome;
  },
  probe: async () => ({ ok: true, message: '' }),
  close: async () => {},
});

function useCase(maxFailuresPerAccount = 20) {
  const { stores, keyring, clock, audit } = rooms;
  const authenticate = createAuthenticateCustomer({
    authenticators: new Map([0, 1, 2].map((n) => [`auth-${n}`, scripted(n)])),
    throttle: createSignInThrottle(
      {
        maxFailuresPerAccount,
        windowSeconds: 900,
        maxFailuresPerAddress: 300,
        addressWindowSeconds: 60,
        maxUnderWayPerAddress: 24,
      },
      createSecretKey(Buffer.alloc(32, 1)),
    ),
    identities: createIdentities({ ...stores, store: stores.customers, keyring, clock, audit }),
    sessions,
    endedReferences: { endedSince: () => false },
    clock,
    audit,
  });
  return (username = 'mira') =>
    authenticate({
      proof: { kind: 'password', username, password: 'pw' },
      channel: channel(),
      address: '192.0.2.1',
      requestId: 'req-1',
    });
}

async function codeOf(
  call: Promise<unknown>,
): Promise<{ code: string; retryAfterSeconds: number | undefined }> {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(BridgeError);
  const { code, retryAfterSeconds } = error as BridgeError;
  return { code, retryAfterSeconds };
}

describe('of several authenticators', () => {
  it.each<[string, AuthenticationOutcome[], string, number]>([
    ['nobody knows the name', [NOT_MINE, NOT_MINE], 'INVALID_CREDENTIALS', 2],
    ['one says wrong', [NOT_MINE, WRONG], 'INVALID_CREDENTIALS', 2],
    ['all say wrong', [WRONG, WRONG], 'INVALID_CREDENTIALS', 2],
    ['one is down and one says wrong', [DOWN, WRONG], 'AUTHENTICATOR_UNAVAILABLE', 2],
    ['one says wrong and one is down', [WRONG, DOWN], 'AUTHENTICATOR_UNAVAILABLE', 2],
    ['one is down and the other does not know', [DOWN, NOT_MINE], 'AUTHENTICATOR_UNAVAILABLE', 2],
    ['one is busy', [BUSY, WRONG], 'SIGN_IN_BUSY', 2],
    ['the account is locked', [LOCKED, signedIn('4711')], 'ACCOUNT_LOCKED', 1],
    ['a new password is needed', [WRONG, CHANGE], 'PASSWORD_CHANGE_REQUIRED', 2],
  ])('when %s, %o is %s', async (_what, script, code, questions) => {
    outcomes = script;
    expect((await codeOf(useCase()())).code).toBe(code);
    expect(asked).toHaveLength(questions);
  });

  it('the first that knows the customer decides, although others said wrong or were down', async () => {
    outcomes = [WRONG, DOWN, signedIn('4711')];
    const session = await useCase()();
    expect(session).toMatchObject({
      authenticator: 'auth-2',
      space: 'crm',
      group: 'default',
      channel: 'web',
    });
    expect(sessions.reference(session)).toBe('4711');
    outcomes = [signedIn('4711'), DOWN];
    asked = [];
    expect((await useCase()()).customerId).toBe(session.customerId);
    expect(asked).toEqual(['auth-0']);
  });

  it('who is down says when to come back', async () => {
    outcomes = [DOWN];
    expect(await codeOf(useCase()())).toEqual({ code: 'AUTHENTICATOR_UNAVAILABLE', retryAfterSeconds: 7 });
  });
});

describe('the throttle of an account', () => {
  it('counts wrong, locked and unknown alike and then says nothing about the password', async () => {
    const signIn = useCase(4);
    for (const outcome of [WRONG, LOCKED, CHANGE, NOT_MINE]) {
      outcomes = [outcome];
      await codeOf(signIn());
    }
    outcomes = [signedIn('4711')];
    asked = [];
    expect((await codeOf(signIn())).code).toBe('RATE_LIMITED');
    expect(asked).toEqual([]);
  });

  it('does not count while an authenticator is down', async () => {
    const signIn = useCase(2);
    outcomes = [DOWN];
    for (let n = 0; n < 10; n++) expect((await codeOf(signIn())).code).toBe('AUTHENTICATOR_UNAVAILABLE');
    outcomes = [signedIn('4711')];
    expect(await signIn()).toMatchObject({ group: 'default' });
  });

  it('takes a name for the same however it is typed', async () => {
    const signIn = useCase(2);
    outcomes = [WRONG];
    await codeOf(signIn('JÖRG'));
    await codeOf(signIn('jo\u0308rg'));
    expect((await codeOf(signIn('jörg'))).code).toBe('RATE_LIMITED');
  });
});

it('every sign-in leaves a record that names the outcome and neither name nor password', async () => {
  const signIn = useCase(2);
  for (const outcome of [signedIn('kundin-4711'), WRONG, DOWN, WRONG, WRONG]) {
    outcomes = [outcome];
    await signIn('canary-name').catch(() => {});
  }
  const records = (await rooms.audited()).filter(({ event }) => event === 'customer.authenticated');
  expect(records.map(({ outcome, reason }) => [outcome, reason])).toEqual([
    ['success', undefined],
    ['refused', 'INVALID_CREDENTIALS'],
    ['failed', 'AUTHENTICATOR_UNAVAILABLE'],
    ['refused', 'INVALID_CREDENTIALS'],
    ['refused', 'RATE_LIMITED'],
  ]);
  expect(JSON.stringify([records, rooms.lines])).not.toMatch(/canary-name|kundin-4711/);
});

describe('a session', () => {
  const FACTS = { requestId: 'req-2', address: '192.0.2.1' };
  const issuing = () => {
    const { rings, keyring, clock, metrics, audit } = rooms;
    const tokens = createCustomerTokens({
      rings,
      keyring,
      clock,
      metrics,
      issuer: ISSUER,
      clockToleranceSeconds: 5,
    });
    return { tokens, issue: createIssueCustomerToken({ sessions, tokens, audit }) };
  };
  const ending = (familiesEnded: string[] = []) =>
    createEndSessions({
      channels: createChannels([channel(), channel('south', 'south')], 'web'),
      identities: createIdentities({
        ...rooms,
        ...rooms.stores,
        store: rooms.stores.customers,
        audit: rooms.audit,
      }),
      sessions,
      store: rooms.stores.customers,
      families: { endAllOf: async (customerId) => void familiesEnded.push(customerId) },
      endedReferences: { end: async () => {} },
      audit: rooms.audit,
    });

  it('gives tokens for its channel and others of its group, with the time of the sign-in', async () => {
    outcomes = [signedIn('4711')];
    const session = await useCase()();
    const signedInAt = rooms.clock.nowMs();
    rooms.clock.advance(600_000);
    const { tokens, issue } = issuing();
    for (const id of ['web', 'ios']) {
      const verified = tokens.verify(issue(session, channel(id), FACTS).token);
      expect(verified).toMatchObject({
        ok: true,
        token: { channel: id, sid: session.sid, customerId: session.customerId, authTime: signedInAt / 1000 },
      });
      expect(verified.ok && tokens.openReference(verified.token)).toBe('4711');
    }
  });

  it('gives none for a channel of another group', async () => {
    outcomes = [signedIn('4711')];
    const session = await useCase()();
    expect(() => issuing().issue(session, channel('south', 'south'), FACTS)).toThrow(
      expect.objectContaining({ code: 'CHANNEL_NOT_ALLOWED' }) as Error,
    );
  });

  it('gives none after sign-out, after "everywhere", after its absolute life, or when an operator ended it', async () => {
    outcomes = [signedIn('4711')];
    const signIn = useCase();
    const { issue } = issuing();
    const refused = (session: Awaited<ReturnType<typeof signIn>>) =>
      expect(() => issue(session, channel(), FACTS)).toThrow(
        expect.objectContaining({ code: 'NOT_SIGNED_IN' }) as Error,
      );

    const [one, two] = [await signIn(), await signIn()];
    await ending().signOut(one, false, FACTS);
    refused(one);
    expect(issue(two, channel(), FACTS).token).toBeTypeOf('string');
    rooms.clock.advance(1);
    const three = await signIn();
    await ending().signOut(two, true, FACTS);
    refused(two);
    refused(three);
    rooms.clock.advance(1);
    const four = await signIn();
    await ending().endAll(four.customerId, 'phone stolen', ADMIN);
    refused(four);
    rooms.clock.advance(1);
    const five = await signIn();
    rooms.clock.advance(28_800_000);
    refused(five);
  });

  it('ended by an operator leaves the reason, and an unknown customer is told', async () => {
    outcomes = [signedIn('4711')];
    const { customerId } = await useCase()();
    const familiesEnded: string[] = [];
    await ending(familiesEnded).endAll(customerId, 'phone stolen', ADMIN);
    expect(new Set(familiesEnded)).toEqual(new Set([customerId]));
    for (const unknown of ['c1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'x', '']) {
      await expect(ending().endAll(unknown, 'x', ADMIN)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const records = (await rooms.audited()).filter(({ event }) => event === 'customer.sessions_ended');
    expect(records).toMatchObject([{ ...ADMIN, customerId, reason: 'phone stolen' }]);
  });
});
