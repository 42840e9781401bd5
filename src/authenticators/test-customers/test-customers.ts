import { hash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { createAddressList, isAddressRange } from '../../api-keys/address-list.ts';
import {
  type CustomerReference,
  isTestSpace,
  parseReference,
  type ReferenceSpace,
} from '../../identifiers/identifier.ts';
import { randomToken } from '../../platform/random.ts';
import { nameSetting, secretSetting } from '../../platform/settings.ts';
import type { AuthenticationOutcome, Authenticator, AuthenticatorDeps } from '../authenticator.ts';
import { canonicalUsername } from '../directory/directory.ts';
import { MAX_PASSWORD_BYTES, preparePassword } from '../passwords/password-hash.ts';
import { isPossibleName } from '../user-name.ts';

/** Passwords that stand in manuals, without spaces and in lower case. */
const EXAMPLE_PASSWORDS = new Set([
  'correcthorsebatterystaple',
  'passwordpassword',
  'thisisapassword',
  'qwertyuiopasdfgh',
  '0123456789abcdef',
  '1234567890123456',
]);

const daySetting = z.iso.date('must be a day such as 2030-01-31');

const customerSetting = z
  .strictObject({
    username: z.string().min(1).max(255),
    password: secretSetting()
      .refine(
        (value) => preparePassword(value) !== undefined,
        `must have at most ${MAX_PASSWORD_BYTES} bytes`,
      )
      .refine(
        (value) => !EXAMPLE_PASSWORDS.has(value.toLowerCase().replaceAll(/[\s_-]/g, '')),
        'is an example that everybody knows; make one with `openssl rand -base64 24`',
      ),
    reference: z
      .string()
      .refine(
        (value) => parseReference(value) !== undefined,
        'must be 1 to 255 bytes without control characters',
      )
      .optional(),
    /** What `/getprofile` answers, in place of asking a backend. */
    profile: z.record(z.string().min(1).max(64), z.json()).optional(),
    expires_on: daySetting.optional(),
  })
  .refine(({ username, password }) => !password.toLowerCase().includes(username.toLowerCase()), {
    path: ['password'],
    message: 'contains the user name; make one with `openssl rand -base64 24`',
  })
  .transform((customer) => ({ ...customer, reference: customer.reference ?? customer.username }));

const optionsSchema = z
  .strictObject({
    name: nameSetting,
    type: z.literal('test_customers'),
    reference_space: nameSetting
      .refine(isTestSpace, 'must be "test" or begin with "test-": no real customer may be in it')
      .default('test'),
    /** Channels in which these people exist. */
    channels: z.array(nameSetting).min(1).max(100),
    /** Where sign-in may come from. Empty: anywhere. */
    addresses: z
      .array(z.string().refine(isAddressRange, 'must be an IP address or a range such as 203.0.113.0/24'))
      .max(100)
      .default([]),
    /** Last day on which they exist, in UTC. */
    expires_on: daySetting.optional(),
    customers: z.array(customerSetting).min(1).max(100),
  })
  .refine(
    ({ addresses, expires_on, customers }) =>
      addresses.length > 0 ||
      expires_on !== undefined ||
      customers.every((one) => one.expires_on !== undefined),
    {
      path: ['addresses'],
      message: 'or expires_on must be set: a test customer is for one caller, or for a while',
    },
  );

export type TestCustomersOptions = z.output<typeof optionsSchema>;

const DAY_MS = 864e5;

/** When a test customer is over, Unix milliseconds: the end of the earlier of both days, in UTC. */
export function testCustomerEndsAtMs(
  options: Pick<TestCustomersOptions, 'expires_on'>,
  customer: Pick<TestCustomersOptions, 'expires_on'>,
): number | undefined {
  const ends = [options.expires_on, customer.expires_on].flatMap((day) =>
    day === undefined ? [] : [Date.parse(day) + DAY_MS],
  );
  return ends.length === 0 ? undefined : Math.min(...ends);
}

const REFUSED: AuthenticationOutcome = { outcome: 'refused', reason: 'credentials' };

const digestOf = (password: string) => hash('sha256', password, 'buffer');

/**
 * Made-up people for those who test a channel by script. They exist in the listed channels alone, for callers at the
 * listed addresses, until their day; anywhere else their names mean nothing. Their passwords are random and held in
 * memory like any secret of the configuration, so that they need no slow hash.
 */
function create(options: TestCustomersOptions, deps: Pick<AuthenticatorDeps, 'clock'>): Authenticator {
  const { clock } = deps;
  const channels = new Set(options.channels);
  const isListed = createAddressList(options.addresses);
  const nobody = digestOf(randomToken(32));
  const people = new Map(
    options.customers.map((customer) => [
      canonicalUsername(customer.username),
      {
        reference: customer.reference as CustomerReference,
        digest: digestOf(preparePassword(customer.password) ?? randomToken(32)),
        endsAtMs: testCustomerEndsAtMs(options, customer) ?? Number.POSITIVE_INFINITY,
      },
    ]),
  );

  return {
    name: options.name,
    type: options.type,
    authenticate: (proof, { channel, address, note = () => {} }) => {
      const decide = (): AuthenticationOutcome => {
        if (proof.kind !== 'password') return { outcome: 'not_mine' };
        if (!channels.has(channel)) {
          note(`Test customers do not exist in the channel ${channel}.`);
          return { outcome: 'not_mine' };
        }
        // A trial by an administrator has no address to go by.
        if (address !== undefined && !isListed(address)) return { outcome: 'not_mine' };
        if (address === undefined && options.addresses.length > 0) {
          note('Sign-in is for the listed addresses alone, which a trial does not look at.');
        }
        const { username } = proof;
        const person = isPossibleName(username) ? people.get(canonicalUsername(username)) : undefined;
        const matches = timingSafeEqual(
          digestOf(preparePassword(proof.password) ?? ''),
          person?.digest ?? nobody,
        );
        note(person ? 'There is such a test customer.' : 'There is no such test customer.');
        if (!person || !matches) return REFUSED;
        if (clock.nowMs() >= person.endsAtMs) {
          note('The last day of this test customer is over.');
          return REFUSED;
        }
        const { reference } = person;
        return { outcome: 'authenticated', space: options.reference_space as ReferenceSpace, reference };
      };
      return Promise.resolve(decide());
    },
    probe: () => {
      const nowMs = clock.nowMs();
      const all = [...people.values()];
      const over = all.filter(({ endsAtMs }) => nowMs >= endsAtMs).length;
      const where = `in ${options.channels.join(', ')}`;
      const count = `${all.length} test ${all.length === 1 ? 'customer' : 'customers'}`;
      if (over === 0) return Promise.resolve({ ok: true, message: `${count} ${where}` });
      const message = `${over} of ${count} ${where} ended on the last day that expires_on allows. Set a later day, or remove them.`;
      return Promise.resolve({ ok: over < all.length, warning: true, message });
    },
    close: () => Promise.resolve(),
  };
}

export const testCustomersAuthenticator = { type: 'test_customers', optionsSchema, create } as const;
