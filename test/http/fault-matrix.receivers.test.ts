/**
 * Every way in which the receiver of a signed message can fail: the message is kept, the log says why, every other receiver
 * has its own at once, and it is delivered when the receiver is well. By the deadline that everybody has, five seconds.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createBystanders,
  type Destination,
  type FaultRole,
  openFaultHouse,
} from '../support/fault-house.ts';
import { casesOf, withFaults } from '../support/fault-table.ts';
import { FAULTS } from '../support/faulty-server.ts';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

/** What the log says; `taken`: any 2xx is a receipt, whatever stands in it. */
const REASONS: Record<Destination, string> = {
  down: 'unreachable',
  black_hole: 'unreachable',
  // Its name is looked up by the attempt itself: the public address is not there.
  moved_inside: 'unreachable',
  refusing: 'status 403',
  unauthorized: 'status 401',
  slow: 'timeout',
  drip: 'timeout',
  huge: 'too_large',
  gzip_bomb: 'protocol',
  invalid_json: 'taken',
  wrong_type: 'taken',
  html_with_200: 'taken',
  redirect_inside: 'status 302',
  wrong_customer: 'taken',
  too_many: 'status 429',
  failing: 'status 503',
  cut_off: 'protocol',
  flapping: 'unreachable',
};

const receiver: FaultRole = {
  name: 'receiver',
  senseless: ['wrong_customer'],
  wantsTls: true,
  answers: { good: () => ({ received: true }) },
  expected: () => [200, ''],
  settings: (all, { name, base }) => ({
    ...all,
    identifiers: {
      receivers: [
        ...(all.identifiers?.receivers ?? []),
        { partner: name, url: base, secret: 'a secret of the chat vendor 0123' },
      ],
    },
    channels: [
      ...(all.channels ?? []),
      { id: name, group: name, delivery: 'token', authenticators: ['directory'] },
    ],
  }),
  knock: () => Promise.resolve([200, '']),
};

const CASES = casesOf([receiver]).map(([, one]) => one);
const nameOf = (one: Destination) => `receiver-${one}`;
const bystanders = createBystanders();

let house: Awaited<ReturnType<typeof openFaultHouse>>;
let t: TestService;

beforeAll(async () => {
  house = await openFaultHouse([receiver]);
  t = await startService({
    settings: (all) => withFaults(all, [receiver], house),
    resolveHost: house.resolveHost,
  });
  let customerId = '';
  for (const one of CASES) {
    const partner = { id: nameOf(one), channel_groups: [nameOf(one)], visible_fields: ['plan'] };
    await t.admin.post('/admin/partners').send(partner).expect(201);
    const { body } = await t.api
      .post('/customer_authenticate')
      .send({ username: 'mira', password: PASSWORD, channel: nameOf(one), delivery: 'token' })
      .expect(200);
    customerId = (body as { customer_id: string }).customer_id;
  }
  const reason = { reason: 'ticket 4711' };
  await t.admin.post(`/admin/customers/${customerId}/erase`).send(reason).expect(200);
});
afterAll(async () => {
  await t?.dispose();
  await house?.close();
  console.log(bystanders.report());
});

interface Notice {
  partner: string;
  failed_attempts: number;
}
const waiting = async () => {
  const { body } = await t.admin.get('/admin/identifiers/notices').expect(200);
  return (body as { items: Notice[] }).items;
};
const partnersOf = (notices: readonly Notice[]) => notices.map(({ partner }) => partner).sort();
const namesOf = (ones: readonly Destination[]) => ones.map(nameOf).sort();
/** When every message that waits was tried so often. */
const tried = async (attempts: number) => {
  await expect
    .poll(async () => (await waiting()).every((one) => one.failed_attempts >= attempts), {
      timeout: 15_000,
      interval: 50,
    })
    .toBe(true);
};
const reasonsOf = (partner: string) =>
  t
    .logs()
    .filter((line) => line['event'] === 'webhook.attempt_failed' && line['partner'] === partner)
    .map((line) => line['reason']);

describe('a receiver that misbehaves', () => {
  it('leaves sign-in and other partners alone, and is given up for now within six seconds', async () => {
    const startedMs = performance.now();
    const all = tried(1);
    for (let i = 0; i < 5; i++) await bystanders.go(t, 'receiver', 10);
    await all;
    expect(performance.now() - startedMs).toBeLessThan(8_000);
    // Whoever waited for a receiver waited for its five seconds.
    expect(bystanders.quantile('partner', 0.95)).toBeLessThan(4_000);
  });

  it.each(CASES)('%s: the log says why, and the message waits unless it was taken', async (one) => {
    const isTaken = REASONS[one] === 'taken';
    expect(reasonsOf(nameOf(one))).toEqual(isTaken ? [] : [REASONS[one]]);
    expect(partnersOf(await waiting()).includes(nameOf(one))).toBe(!isTaken);
  });

  it('is not called at an address inside that its name moved to, nor at one that it redirects to', async () => {
    t.clock.advance(1_000);
    await tried(2);
    expect(reasonsOf(nameOf('moved_inside')).at(-1)).toBe('refused_address');
    expect(house.strays()).toBe(0);
  });

  it('has its message at the next attempt once it is well', async () => {
    for (const fault of FAULTS) house.faulty.mended.add(fault);
    t.clock.advance(10_000);
    const gone: Destination[] = ['down', 'black_hole', 'moved_inside'];
    await expect
      .poll(async () => partnersOf(await waiting()), { timeout: 15_000, interval: 50 })
      .toEqual(namesOf(gone));
  });
});
