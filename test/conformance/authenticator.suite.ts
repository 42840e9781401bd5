import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuthenticationOutcome, Authenticator } from '../../src/authenticators/authenticator.ts';

/** One authenticator over a real server of its kind, which knows one person. */
export interface AuthenticatorFixture {
  authenticator: Authenticator;
  person: { username: string; password: string; reference: string };
  /** Ends the server as a crash would. */
  takeAway(): Promise<void>;
  /** Every line logged so far. */
  logged(): string;
  close(): Promise<void>;
}

const CONTEXT = { requestId: 'req-1', channel: 'web' };

/** What is promised of every way to check a name and a password. */
export function authenticatorSuite(open: () => Promise<AuthenticatorFixture>): void {
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
        space: 'crm',
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

    it('answers "unavailable" and never "refused" when its server is gone, and the probe says so', async () => {
      await at.takeAway();
      expect(await signIn(at.person.username, at.person.password)).toMatchObject({ outcome: 'unavailable' });
      expect(await signIn(at.person.username, 'canary-wrong-77')).toMatchObject({ outcome: 'unavailable' });
      const probed = await at.authenticator
        .probe()
        .catch(() => ({ ok: false, message: 'cannot be reached' }));
      expect(probed.ok).toBe(false);
    });

    it('leaves no name, password or reference in the log or in the steps of a trial', () => {
      const told = at.logged() + steps.join('\n');
      for (const secret of [at.person.username, at.person.password, at.person.reference, 'canary-'])
        expect(told).not.toContain(secret);
    });
  });
}

/** An authenticator over a server that takes the call and never answers, and when it gives up. */
export interface HangingFixture {
  hanging: { authenticator: Authenticator; deadlineMs: number };
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
      expect(await hanging.authenticate(PROOF, CONTEXT)).toMatchObject({
        outcome: 'unavailable',
      });
      expect(performance.now() - startedMs).toBeLessThan(deadlineMs + 2_000);
    });
    it('ends what is under way when it is closed', async () => {
      const { authenticator: hanging } = at.hanging;
      const underWay = hanging.authenticate(PROOF, CONTEXT);
      await hanging.close();
      expect(await underWay).toMatchObject({ outcome: 'unavailable' });
    });
  });
}
