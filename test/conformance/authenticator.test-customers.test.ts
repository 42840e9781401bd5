import { describe } from 'vitest';
import { testCustomersAuthenticator } from '../../src/authenticators/test-customers/test-customers.ts';
import { createTestClock } from '../support/clock.ts';
import { authenticatorSuite } from './authenticator.suite.ts';

describe('test customers', () => {
  authenticatorSuite(
    () => {
      const person = {
        username: 'vendor-1',
        password: 'uT7-qk2Zx9_wLp4mRv8sYd1b',
        reference: 'made-up-4711',
      };
      const options = testCustomersAuthenticator.optionsSchema.parse({
        name: 'testers',
        type: 'test_customers',
        channels: ['web'],
        expires_on: '2030-03-31',
        customers: [person],
      });
      return Promise.resolve({
        authenticator: testCustomersAuthenticator.create(options, { clock: createTestClock() }),
        person,
        space: 'test',
        logged: () => '',
        close: () => Promise.resolve(),
      });
    },
    { hasServer: false },
  );
});
