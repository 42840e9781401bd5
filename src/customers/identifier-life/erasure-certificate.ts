import { createHmac, timingSafeEqual } from 'node:crypto';
import type { CustomerIdentifier } from '../../identifiers/identifier.ts';
import type { Keyring } from '../../keyring/keyring.ts';

/** Says what was erased, when, and who is told; holds nothing by which the person could be known. */
export interface ErasureCertificate {
  type: 'symbolon.erasure';
  version: 1;
  certificate_id: string;
  /** The service that erased: its public URL. */
  issuer: string;
  /** RFC 3339, UTC. */
  erased_at: string;
  identifiers: { customer_id: CustomerIdentifier; channel_group: string }[];
  /** How many references were destroyed. */
  references: number;
  partners: { partner: string; told: 'by webhook' | 'no receiver configured' }[];
  /** HMAC-SHA-256 over all of the above under a key of this installation, base64url. */
  seal: string;
}

/** JSON with the members of every object in the order of their names: one text for one content. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

export interface ErasureCertificates {
  seal(content: Omit<ErasureCertificate, 'seal'>): ErasureCertificate;
  /** Whether this installation made it, and nothing in it was changed since. */
  isGenuine(certificate: { seal: string } & Record<string, unknown>): boolean;
}

export function createErasureCertificates({ keyring }: { keyring: Pick<Keyring, 'all' | 'current'> }) {
  const certificates: ErasureCertificates = {
    seal: (content) => {
      const { key } = keyring.current('erasure-certificate');
      return { ...content, seal: createHmac('sha256', key).update(canonical(content)).digest('base64url') };
    },
    isGenuine: ({ seal, ...content }) => {
      const given = Buffer.from(seal, 'utf8');
      return keyring.all('erasure-certificate').some(({ key }) => {
        const expected = createHmac('sha256', key).update(canonical(content)).digest('base64url');
        return given.length === expected.length && timingSafeEqual(given, Buffer.from(expected, 'utf8'));
      });
    },
  };
  return certificates;
}
