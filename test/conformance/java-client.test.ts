import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AnswerDropper, startAnswerDropper } from '../support/answer-dropper.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

const SOURCES = resolve(import.meta.dirname, '../../clients/java');
const hasJava = spawnSync('javac', ['-version']).status === 0;
const why = hasJava ? '' : ' (skipped: javac is not installed, Debian has it in default-jdk-headless)';

let classes: string;
let driver: ReturnType<typeof startDriver>;
let t: TestService;
let wire: AnswerDropper;

/** Runs the driver; `ask` sends one command and resolves with the line that it answers. */
function startDriver(folder: string) {
  const child = spawn('java', ['-Xshare:auto', '-cp', folder, 'Driver'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(...words: (string | number)[]): Promise<string> {
      child.stdin.write(`${words.join('\t')}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the client ended at ${String(words[0])}`);
      return value;
    },
    end() {
      child.stdin.end();
    },
  };
}

const ask: ReturnType<typeof startDriver>['ask'] = (...words) => driver.ask(...words);
const renewals = () =>
  wire.authentications.filter((fields) => fields.get('grant_type') === 'refresh_token').length;
const signIn = (device = 'Phone') => ask('sign-in', 'mira', PASSWORD, device);
const profileStatus = async (token: string): Promise<number> => {
  const headers = { authorization: `Bearer ${t.north.key.secret}`, 'customer-auth': `JWT ${token}` };
  return (await t.api.post('/getprofile').set(headers)).status;
};
const authenticate = async (body: object) =>
  (await t.api.post('/customer_authenticate').send(body).expect(200)).body as {
    JWT: string;
    refresh_token: string;
  };
/** Time passes for the service and for the client. */
async function pass(seconds: number): Promise<void> {
  t.clock.advance(seconds * 1000);
  await ask('sleep', seconds);
}

/** 100 threads are patient here: the machine may be busy. */
const PATIENCE_MS = 15_000;

describe.skipIf(!hasJava)(`the Java client${why}`, () => {
  beforeAll(() => {
    classes = mkdtempSync(join(tmpdir(), 'symbolon-java-'));
    const files = globSync('**/*.java', { cwd: SOURCES }).map((file) => join(SOURCES, file));
    execFileSync('javac', ['--release', '11', '-Xlint:all', '-Werror', '-d', classes, ...files]);
    driver = startDriver(classes);
  });
  afterAll(() => {
    driver.end();
    rmSync(classes, { recursive: true, force: true });
  });
  beforeEach(async () => {
    t = await startService({
      settings: (all) => ({
        ...all,
        channels: (all.channels ?? []).map((channel) =>
          channel.id === 'ios'
            ? { ...channel, refresh_tokens: { idle_days: 10, absolute_days: 30 } }
            : channel,
        ),
      }),
    });
    wire = await startAnswerDropper(t.url);
    await ask('open', wire.url, 'ios', PATIENCE_MS);
  });
  afterEach(async () => {
    await wire.close();
    await t.dispose();
  });

  it('signs in, names the device, and keeps the refresh token', async () => {
    const token = await signIn("Mira's phone");
    expect(await profileStatus(token)).toBe(200);
    const stored = await ask('stored');
    const { body } = await t.api
      .get('/customer_session/devices')
      .set({ authorization: `Bearer ${stored}` })
      .expect(200);
    expect(body.items).toMatchObject([{ device_name: "Mira's phone", channel: 'ios', current: true }]);
    expect(await ask('token')).toBe(token);
    expect(renewals()).toBe(0);
  });

  it('says that a password is wrong, and signs nobody in', async () => {
    expect(await ask('sign-in', 'mira', 'wrong')).toBe('error INVALID_CREDENTIALS');
    expect(await ask('state')).toBe('false 0');
    expect(await ask('token')).toBe('error SIGNED_OUT');
  });

  it('renews once for a hundred threads that ask at once after a start of the app', async () => {
    const first = await signIn();
    const kept = await ask('stored');
    await ask('reopen', wire.url, 'ios', PATIENCE_MS);
    expect(await ask('together', 100)).toBe('100 1 ');
    expect(renewals()).toBe(1);
    expect(await ask('stored')).not.toBe(kept);
    expect(await ask('token')).not.toBe(first);
  });

  it('renews once for a hundred threads whose token was refused in the middle of a call', async () => {
    const first = await signIn();
    expect(await profileStatus(first)).toBe(200);
    // The clock of the service goes on, the one of the device does not.
    t.clock.advance(20 * 60_000);
    expect(await profileStatus(first)).toBe(401);
    expect(await ask('token')).toBe(first);
    expect(await ask('together', 100, 'fresh')).toBe('100 1 ');
    expect(renewals()).toBe(1);
    expect(await profileStatus(await ask('token'))).toBe(200);
  });

  it('renews at four fifths of the life of a token, before it ends', async () => {
    const first = await signIn();
    await pass(700);
    expect(await ask('token')).toBe(first);
    await pass(30);
    const second = await ask('token');
    expect(second).not.toBe(first);
    expect(renewals()).toBe(1);
    expect(decodeJwt(second)['sid']).toBe(decodeJwt(first)['sid']);
  });

  it('gets an answer that was lost on the way by asking again with the same token', async () => {
    await signIn();
    await pass(800);
    wire.dropNext = 2;
    const token = await ask('token');
    expect(await profileStatus(token)).toBe(200);
    const sent = wire.authentications.filter((fields) => fields.get('grant_type') === 'refresh_token');
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map((fields) => fields.get('refresh_token'))).size).toBe(1);
    // The device lives on: the repeated answer was the same one, not a second use.
    await pass(800);
    expect(await profileStatus(await ask('token'))).toBe(200);
  });

  it('gives a blocked thread the held token when the renewal is late, and keeps what the renewal brings', async () => {
    const first = await signIn();
    await pass(800);
    await ask('reopen', wire.url, 'ios', 300);
    const letGo = wire.hold();
    expect(await ask('token')).toBe('error UNAVAILABLE');
    letGo();
    await expect.poll(() => ask('token')).not.toMatch(/^error/);
    expect(renewals()).toBe(1);
    await pass(800);
    const release = wire.hold();
    const second = await ask('token');
    expect(second).not.toBe(first);
    expect(await profileStatus(second)).toBe(200);
    release();
    await expect.poll(() => ask('token')).not.toBe(second);
    expect(renewals()).toBe(2);
  });

  it('is told when the customer signed out everywhere on another device', async () => {
    const token = await signIn();
    const other = await authenticate({ username: 'mira', password: PASSWORD, channel: 'ios' });
    await t.api
      .delete('/customer_session?everywhere=true')
      .set({ authorization: `Bearer ${other.refresh_token}` })
      .expect(204);
    expect(await profileStatus(token)).toBe(401);
    expect(await ask('together', 20, 'fresh')).toBe('0 0 SIGNED_OUT');
    await ask('idle');
    expect(await ask('state')).toBe('false 1');
    expect(await ask('stored')).toBe('nothing');
    expect(renewals()).toBe(1);
  });

  it('ends, and asks for a sign-in, when an older copy of its token is used', async () => {
    await signIn();
    const old = await ask('stored');
    await pass(800);
    await ask('token');
    await pass(800);
    await ask('keep', old);
    expect(await ask('token')).toBe('error SIGNED_OUT');
    await ask('idle');
    expect(await ask('state')).toBe('false 1');
  });

  it('forgets at sign-out first and tells the service then; a renewal under way signs nobody in again', async () => {
    const token = await signIn();
    await pass(800);
    await ask('reopen', wire.url, 'ios', 200);
    const letGo = wire.hold();
    expect(await ask('token')).toBe('error UNAVAILABLE');
    expect(await ask('sign-out')).toBe('ok');
    letGo();
    await ask('idle');
    expect(await ask('state')).toBe('false 0');
    expect(await ask('stored')).toBe('nothing');
    expect(await ask('token')).toBe('error SIGNED_OUT');
    expect(await profileStatus(token)).toBe(401);
  });

  it('signs this device out also when the service cannot be reached, and says so', async () => {
    await signIn();
    await wire.close();
    expect(await ask('sign-out')).toBe('error UNAVAILABLE');
    expect(await ask('state')).toBe('false 0');
  });

  it('keeps the customer signed in while the service cannot be reached', async () => {
    await ask('open', wire.url, 'ios', 300);
    const token = await signIn();
    await wire.close();
    expect(await ask('token')).toBe(token);
    await pass(800);
    // Past four fifths: the renewal fails, and the held token is good for a while.
    expect(await ask('token')).toBe(token);
    await pass(200);
    expect(await ask('token')).toBe('error UNAVAILABLE');
    expect(await ask('state')).toBe('true 0');
  });
});
