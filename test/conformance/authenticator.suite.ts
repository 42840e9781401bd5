import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuthenticationOutcome, Authenticator, Proof } from '../../src/authenticators/authenticator.ts';
import type { SilentServer } from '../support/silent-server.ts';

/** One authenticator over a real server of its kind, which knows one person. */
export interface AuthenticatorFixture {
  authenticator: Authenticator;
  person: { username: string; password: string; reference: string };
  /** Its declared space. Default `crm`. */
  space?: string;
  /** Ends the server as a crash would. */
  takeAway?(): Promise<void>;
  /** Every line logged so far. */
  logged(): string;
  close(): Promise<void>;
}

const CONTEXT = { requestId: 'req-1', channel: 'web' };

/** Finds a text between others; a port of the loopback address may hold the digits of a reference. */
const wholeWord = (text: string) =>
  new RegExp(`(?<![A-Za-z0-9])${text.replaceAll(/\W/g, String.raw`\$&`)}(?![A-Za-z0-9])`);

type SignIn = (username: string, password: string) => Promise<AuthenticationOutcome>;

function lostServer(at: () => AuthenticatorFixture, signIn: SignIn): void {
  it('answers "unavailable" and never "refused" when its server is gone, and the probe says so', async () => {
    await at().takeAway?.();
    expect(await signIn(at().person.username, at().person.password)).toMatchObject({
      outcome: 'unavailable',
    });
    expect(await signIn(at().person.username, 'canary-wrong-77')).toMatchObject({ outcome: 'unavailable' });
    const probed = await at()
      .authenticator.probe()
      .catch(() => ({ ok: false, message: 'cannot be reached' }));
    expect(probed.ok).toBe(false);
  });
}

/** What is promised of every way to check a name and a password; `hasServer: false` for one that asks nobody. */
export function authenticatorSuite(
  open: () => Promise<AuthenticatorFixture>,
  { hasServer = true } = {},
): void {
  describe('an authenticator', () => {
    let at: AuthenticatorFixture;
    const steps: string[] = [];
    const signIn = (username: string, password: string, by: Authenticator = at.authenticator) =>
      by.authenticate(
        { kind: 'password', username, password },
        { ...CONTEXT, note: (step) => void steps.push(step) },
      );

    beforeAll(async () => {
      at = await open();
    });
    afterAll(() => at?.close());

    it('answers "authenticated" with the reference, in its declared space', async () => {
      expect(await signIn(at.person.username, at.person.password)).toMatchObject({
        outcome: 'authenticated',
        space: at.space ?? 'crm',
        reference: at.person.reference,
      });
    });

    it('answers "refused" in the same words for a wrong password, an unknown name and nothing at all', async () => {
      const refused: AuthenticationOutcome = { outcome: 'refused', reason: 'credentials' };
      expect(await signIn(at.person.username, 'canary-wrong-77')).toEqual(refused);
      expect(await signIn('canary-nobody-13', at.person.password)).toEqual(refused);
      expect(await signIn(at.person.username, '')).toEqual(refused);
      expect(await signIn('', at.person.password)).toEqual(refused);
    });

    it('answers "not mine" to what is no password, without a look at it', async () => {
      const proofs = [
        { kind: 'subject_token', token: 'x', tokenType: 'jwt' },
        { kind: 'site_session', cookies: [], headers: {} },
      ] as const;
      for (const proof of proofs)
        expect(await at.authenticator.authenticate(proof, CONTEXT)).toEqual({ outcome: 'not_mine' });
    });

    it('answers many at once, each as if alone', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_one, n) =>
          signIn(at.person.username, n % 2 === 0 ? at.person.password : `canary-wrong-${n}`),
        ),
      );
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(
        Array.from({ length: 8 }, (_one, n) => (n % 2 === 0 ? 'authenticated' : 'refused')),
      );
    });

    it('is fine when it is probed', async () => {
      expect(await at.authenticator.probe()).toMatchObject({ ok: true });
    });

    if (hasServer) lostServer(() => at, signIn);

    it('leaves no name, password or reference in the log or in the steps of a trial', () => {
      const told = at.logged() + steps.join('\n');
      for (const secret of [at.person.username, at.person.password, at.person.reference])
        expect(told).not.toMatch(wholeWord(secret));
      expect(told).not.toContain('canary-');
    });
  });
}

/** An authenticator over a server that takes the call and never answers, and when it gives up. */
export interface HangingFixture {
  hanging: { authenticator: Authenticator; deadlineMs: number };
  /** The same with a deadline of five seconds, and what the service closes along with it. */
  patient: { authenticator: Authenticator; closeOthers?(): Promise<void> };
  /** The server of both. */
  silent: Pick<SilentServer, 'connections' | 'connected'>;
  /** The connection is made for everybody who waits, so that one who goes away does not end it. Default: it is not. */
  sharesCalls?: boolean;
  /** What it is asked about. Default: a name and a password. */
  proof?: Proof;
  close(): Promise<void>;
}

const PROOF = { kind: 'password', username: 'mira', password: 'correct horse battery staple' } as const;

/** What is promised of an authenticator that asks another machine. */
export function hangingServerSuite(open: () => Promise<HangingFixture>): void {
  describe('an authenticator whose server hangs', () => {
    let at: HangingFixture;
    beforeAll(async () => {
      at = await open();
    });
    afterAll(() => at?.close());

    it('answers "unavailable" by its deadline when the server hangs', async () => {
      const startedMs = performance.now();
      const { authenticator: hanging, deadlineMs } = at.hanging;
      expect(await hanging.authenticate(at.proof ?? PROOF, CONTEXT)).toMatchObject({
        outcome: 'unavailable',
      });
      expect(performance.now() - startedMs).toBeLessThan(deadlineMs + 2_000);
    });
    /** A question that the server has got; how long it goes on from now. */
    const ask = async (signal?: AbortSignal) => {
      const { authenticator } = at.patient;
      const reached = at.silent.connected();
      const underWay = authenticator.authenticate(at.proof ?? PROOF, { ...CONTEXT, signal });
      await reached;
      const startedMs = performance.now();
      return { underWay, tookMs: async () => (await underWay, performance.now() - startedMs) };
    };

    it('ends the call at once when whoever asked has gone', async () => {
      await expect.poll(() => at.silent.connections()).toBe(0);
      const caller = new AbortController();
      const { underWay, tookMs } = await ask(caller.signal);
      caller.abort();
      expect(await underWay).toMatchObject({ outcome: 'unavailable' });
      expect(await tookMs()).toBeLessThan(1_500);
      const left = () => (at.sharesCalls === true ? 0 : at.silent.connections());
      await expect.poll(left).toBe(0);
      expect(
        await at.patient.authenticator.authenticate(at.proof ?? PROOF, { ...CONTEXT, signal: caller.signal }),
      ).toMatchObject({
        outcome: 'unavailable',
      });
    });

    it('ends what is under way at once when it is closed, and leaves no connection behind', async () => {
      const { authenticator, closeOthers } = at.patient;
      const underWay = authenticator.authenticate(at.proof ?? PROOF, CONTEXT);
      const startedMs = performance.now();
      await expect.poll(() => at.silent.connections()).toBeGreaterThan(0);
      const closed = Promise.all([authenticator.close(), closeOthers?.()]);
      expect(await underWay).toMatchObject({ outcome: 'unavailable' });
      expect(performance.now() - startedMs).toBeLessThan(3_000);
      await closed;
      await expect.poll(() => at.silent.connections(), { timeout: 5_000 }).toBe(0);
    });
  });
}

/** One authenticator over a real site or provider, where one person is signed in. */
export interface PresentedFixture {
  authenticator: Authenticator;
  /** One that has not asked anything yet. Default: the same. */
  afresh?(): Authenticator;
  /** What proves the person, and what proves nobody. */
  known: Proof;
  unknown: Proof;
  /** Proofs of its own kind that are for others to judge. */
  foreign: Proof[];
  reference: string;
  takeAway(): Promise<void>;
  logged(): string;
  close(): Promise<void>;
}

/** What is promised of every authenticator that goes by what a browser or an app brings from elsewhere. */
export function presentedProofSuite(open: () => Promise<PresentedFixture>): void {
  describe('an authenticator that goes by what was proven elsewhere', () => {
    let at: PresentedFixture;
    beforeAll(async () => {
      at = await open();
    });
    afterAll(() => at?.close());
    const steps: string[] = [];
    const ask = (proof: Proof, by = at.authenticator) =>
      by.authenticate(proof, { ...CONTEXT, note: (step) => void steps.push(step) });

    it('answers "authenticated" with the reference, in its declared space, and "refused" to anybody else', async () => {
      expect(await ask(at.known)).toMatchObject({
        outcome: 'authenticated',
        space: 'crm',
        reference: at.reference,
      });
      expect(await ask(at.unknown)).toEqual({ outcome: 'refused', reason: 'credentials' });
    });

    it('answers "not mine" to any other proof, and to one that is for others', async () => {
      const proofs: Proof[] = [
        PROOF,
        { kind: 'redirect_answer', authenticator: 'x', parameters: {}, memory: 'x' },
        { kind: 'site_session', cookies: [], headers: {} },
        ...at.foreign,
      ];
      for (const proof of proofs) expect(await ask(proof)).toEqual({ outcome: 'not_mine' });
    });

    it('answers many at once, each as if alone', async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_one, n) => ask(n % 2 === 0 ? at.known : at.unknown)),
      );
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(
        Array.from({ length: 8 }, (_one, n) => (n % 2 === 0 ? 'authenticated' : 'refused')),
      );
    });

    it('is fine when it is probed', async () => {
      expect(await at.authenticator.probe()).toMatchObject({ ok: true });
    });

    it('answers "unavailable" and never "refused" when the other side is gone, and the probe says so', async () => {
      const afresh = at.afresh?.() ?? at.authenticator;
      await at.takeAway();
      expect(await ask(at.known, afresh)).toMatchObject({ outcome: 'unavailable' });
      expect(await ask(at.unknown, afresh)).toMatchObject({ outcome: 'unavailable' });
      expect(await afresh.probe()).toMatchObject({ ok: false });
    });

    it('leaves no proof and no reference in the log or in the steps of a trial', () => {
      const told = at.logged() + steps.join('\n');
      expect(told).not.toMatch(wholeWord(at.reference));
      expect(told).not.toContain('canary-');
    });
  });
}

/** One redirecting authenticator over a real provider. */
export interface RedirectingFixture {
  authenticator: Authenticator;
  /** An account of the provider; its name there is the reference. */
  person: { reference: string };
  /** What the provider answers when this account signs in at this address; without one the customer turns back. */
  visit(location: string, account: string | undefined): Promise<Record<string, string>>;
  /** Ends the provider as a crash would. */
  takeAway(): Promise<void>;
  logged(): string;
  close(): Promise<void>;
}

/** What is promised of every sign-in by redirect: the same outcomes, told by what comes back. */
export function redirectingAuthenticatorSuite(open: () => Promise<RedirectingFixture>): void {
  describe('an authenticator that redirects', () => {
    let at: RedirectingFixture;
    beforeAll(async () => {
      at = await open();
    });
    afterAll(() => at?.close());

    const steps: string[] = [];
    const begin = async () => {
      const started = await at.authenticator.redirect?.begin(
        { state: 'canary-state-5' },
        { ...CONTEXT, note: (step) => void steps.push(step) },
      );
      if (started?.outcome !== 'redirect') throw new Error('it did not begin');
      return started;
    };
    const finish = (parameters: Record<string, string>, memory: string) => {
      const { authenticator } = at;
      const proof = {
        kind: 'redirect_answer',
        authenticator: authenticator.name,
        parameters,
        memory,
      } as const;
      return authenticator.authenticate(proof, { ...CONTEXT, note: (step) => void steps.push(step) });
    };

    it('answers "authenticated" with the reference, in its declared space, and hands the state back', async () => {
      const { location, memory } = await begin();
      const parameters = await at.visit(location, at.person.reference);
      expect(parameters.state).toBe('canary-state-5');
      expect(await finish(parameters, memory)).toMatchObject({
        outcome: 'authenticated',
        space: 'crm',
        reference: at.person.reference,
      });
    });

    it('answers "refused" in the same words to who turned back, a made-up code, a used one and one of another sign-in', async () => {
      const refused: AuthenticationOutcome = { outcome: 'refused', reason: 'credentials' };
      const [one, two] = [await begin(), await begin()];
      expect(await finish(await at.visit(one.location, undefined), one.memory)).toEqual(refused);
      const parameters = await at.visit(two.location, at.person.reference);
      expect(await finish({ ...parameters, code: 'canary-code-1' }, two.memory)).toEqual(refused);
      expect(await finish(parameters, one.memory)).toEqual(refused);
      const three = await begin();
      const good = await at.visit(three.location, at.person.reference);
      expect(await finish(good, three.memory)).toMatchObject({ outcome: 'authenticated' });
      expect(await finish(good, three.memory)).toEqual(refused);
    });

    it('answers "not mine" to any other proof and to the answer of another provider, without a look at it', async () => {
      const proofs: Proof[] = [
        PROOF,
        { kind: 'subject_token', token: 'x', tokenType: 'jwt' },
        { kind: 'site_session', cookies: [], headers: {} },
        { kind: 'redirect_answer', authenticator: 'another', parameters: {}, memory: 'x' },
      ];
      for (const proof of proofs)
        expect(await at.authenticator.authenticate(proof, CONTEXT)).toEqual({ outcome: 'not_mine' });
    });

    it('is fine when it is probed', async () => {
      expect(await at.authenticator.probe()).toMatchObject({ ok: true });
    });

    it('answers "unavailable" and never "refused" when the provider is gone, and the probe says so', async () => {
      const { location, memory } = await begin();
      const parameters = await at.visit(location, at.person.reference);
      await at.takeAway();
      expect(await finish(parameters, memory)).toMatchObject({ outcome: 'unavailable' });
      expect(await at.authenticator.probe()).toMatchObject({ ok: false });
    });

    it('leaves no code, state, secret or reference in the log or in the steps of a trial', () => {
      const told = at.logged() + steps.join('\n');
      expect(told).not.toMatch(wholeWord(at.person.reference));
      expect(told).not.toContain('canary-');
    });
  });
}
