import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signingKeyOf } from '../../../src/signatures/signed-request.ts';
import { readV1, signV1, type V1Signature, v1IsTimely, v1Matches } from '../../../src/signatures/v1.ts';
import { NOW_MS, NOW_SECONDS, request, SECRET } from './signed.ts';

const key = signingKeyOf(SECRET);
const body = Buffer.from('{"fields":["plan"]}');
const headers = signV1({ signingKey: key, timestampSeconds: NOW_SECONDS, body });
const good = headers['x-api-signature'];

const read = (timestamp?: string, signature?: string) =>
  readV1(
    request(
      {},
      {
        ...(timestamp === undefined ? {} : { 'x-timestamp': timestamp }),
        ...(signature === undefined ? {} : { 'x-api-signature': signature }),
      },
    ),
  );

const signature = (timestamp: string): V1Signature => {
  const found = read(timestamp, good);
  if (typeof found !== 'object') throw new Error('not read');
  return found;
};

describe('signature v1', () => {
  it('is not there when neither header is, and half of it is refused', () => {
    expect(read()).toBeUndefined();
    expect(read(String(NOW_SECONDS))).toBe('signature_missing');
    expect(read(undefined, good)).toBe('timestamp_missing');
  });

  it.each([
    '',
    ' 1790000000',
    '1790000000 ',
    '+1790000000',
    '-1790000000',
    '1790000000.0',
    '1.79e9',
    '0x6ab13b00',
    '１７９００００００００',
    '1790000000, 1790000000',
    '17900000000000000',
    'now',
  ])('refuses the timestamp "%s", whatever it signs', (timestamp) => {
    expect(read(timestamp, good)).toBe('timestamp_malformed');
  });

  it.each([
    ['empty', ''],
    ['one digit short', good.slice(1)],
    ['one digit long', `${good}0`],
    ['prefixed', `sha256=${good}`],
    ['a list', `${good},${good}`],
    ['with white space', `${good} `],
    ['not hex', `g${good.slice(1)}`],
    ['base64', Buffer.from(good, 'hex').toString('base64')],
    ['truncated to 32 digits', good.slice(0, 32)],
  ])('refuses a signature that is %s', (_what, text) => {
    expect(read(String(NOW_SECONDS), text)).toBe('signature_malformed');
  });

  it('is the same signature in upper and in lower case', () => {
    const upper = read(String(NOW_SECONDS), good.toUpperCase());
    if (typeof upper !== 'object') throw new Error('not read');
    expect(upper.mac).toEqual(signature(String(NOW_SECONDS)).mac);
    expect(v1Matches(upper, key, body)).toBe(true);
  });

  it('covers the timestamp as it was written', () => {
    expect(v1Matches(signature(String(NOW_SECONDS)), key, body)).toBe(true);
    expect(v1Matches(signature(`0${NOW_SECONDS}`), key, body)).toBe(false);
    expect(v1Matches(signature(String(NOW_SECONDS + 1)), key, body)).toBe(false);
  });

  it('does not match another secret', () => {
    expect(v1Matches(signature(String(NOW_SECONDS)), signingKeyOf(`${SECRET}x`), body)).toBe(false);
  });

  it.each([
    [-301, false],
    [-300, true],
    [0, true],
    [300, true],
    [301, false],
  ])('%i seconds from now is timely: %s', (seconds, timely) => {
    expect(v1IsTimely(signature(String(NOW_SECONDS + seconds)), NOW_MS)).toBe(timely);
    expect(v1IsTimely(signature(String(NOW_SECONDS + seconds)), NOW_MS + 999)).toBe(timely);
  });

  it('is not timely in milliseconds', () => {
    expect(v1IsTimely(signature(String(NOW_MS)), NOW_MS)).toBe(false);
  });

  it('any change of any bit of the body breaks it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (bytes, at) => {
        const made = signV1({ signingKey: key, timestampSeconds: NOW_SECONDS, body: bytes });
        const found = read(made['x-timestamp'], made['x-api-signature']) as V1Signature;
        const changed = Uint8Array.from(bytes);
        const bit = at % (bytes.length * 8);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(v1Matches(found, key, bytes)).toBe(true);
        expect(v1Matches(found, key, changed)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
