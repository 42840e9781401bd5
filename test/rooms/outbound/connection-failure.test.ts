import { expect, it } from 'vitest';
import { failureOf } from '../../../src/outbound/connection-failure.ts';
import { errorWithCode } from '../../../src/outbound/connector.ts';

it.each([
  'CERT_HAS_EXPIRED',
  'CRL_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNSPECIFIED',
])('a certificate that fails by %s is untrusted', (code) => {
  expect(failureOf(errorWithCode(code), false)).toBe('untrusted');
});

it.each(['ECONNREFUSED', 'ENOTFOUND', 'EPIPE', ''])('a connection that ends by %j is unreachable', (code) => {
  expect(failureOf(errorWithCode(code), false)).toBe('unreachable');
});
