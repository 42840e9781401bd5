import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../src/backends/backend-types.ts';
import { createCollectAttributes } from '../../../src/customers/channel-proofs/collect-attributes.ts';
import type { CustomerIdentifier, CustomerReference } from '../../../src/identifiers/identifier.ts';

/** A backend that answers with whom it was asked about, and a registry that may end customers. */
function start() {
  let nowMs = 1_790_000_000_000;
  let endedAtMs = 0;
  const asked: string[] = [];
  const backend = {
    name: 'crm',
    fields: ['name'],
    environments: new Set(['live'] as const),
    ask: async ({ reference }: { reference: string }) => {
      asked.push(reference);
      return { status: 'ok', fields: { name: `name of ${reference}` } };
    },
  } as unknown as Backend;
  const attributes = createCollectAttributes({
    backends: [backend],
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    revocations: { isRevoked: (_kind, _id, atMs) => atMs <= endedAtMs },
  });
  return {
    asked,
    sweep: attributes.sweep,
    size: attributes.size,
    advance: (ms: number) => (nowMs += ms),
    end: () => (endedAtMs = nowMs),
    nameOf: async (reference: string) => {
      const { values } = await attributes.collect({
        customerId: 'c1shared' as CustomerIdentifier,
        reference: reference as CustomerReference,
        fields: new Set(['name']),
        requestId: 'r',
        traceparent: 't',
      });
      return values.get('name');
    },
  };
}

describe('attributes that were asked for', () => {
  it('are told again of the same person for half a minute', async () => {
    const s = start();
    await s.nameOf('4711');
    s.advance(29_999);
    expect(await s.nameOf('4711')).toBe('name of 4711');
    expect(s.asked).toEqual(['4711']);
    s.advance(1);
    await s.nameOf('4711');
    expect(s.asked).toHaveLength(2);
  });

  it('are never told of another person who has the identifier now', async () => {
    const s = start();
    expect(await s.nameOf('4711')).toBe('name of 4711');
    expect(await s.nameOf('0815')).toBe('name of 0815');
  });

  it('are forgotten when the customer is ended, erased, merged or split', async () => {
    const s = start();
    await s.nameOf('4711');
    s.end();
    s.advance(1);
    await s.nameOf('4711');
    expect(s.asked).toHaveLength(2);
    s.end();
    s.sweep();
    expect(s.size()).toBe(0);
  });

  it('do not stay in memory when nobody asks any more', async () => {
    const s = start();
    await s.nameOf('4711');
    s.sweep();
    expect(s.size()).toBe(1);
    s.advance(30_000);
    s.sweep();
    expect(s.size()).toBe(0);
  });
});
