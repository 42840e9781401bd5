/** TLS towards one destination: our own certificate (mutual TLS), and the authorities that vouch for the other side. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { z } from 'zod';
import { StartRefused } from '../errors.ts';
import { openTlsContext } from './connector.ts';

const pem = (label: string) =>
  z
    .string()
    .refine(
      (text) => new RegExp(`-----BEGIN [A-Z ]*${label}-----`).test(text),
      `must be PEM text with a ${label.toLowerCase()}, usually written as file:PATH`,
    );

/** `connections.NAME.tls`. */
export const clientTlsSetting = z
  .strictObject({
    /** Our certificate, with the intermediate ones after it; PEM. */
    certificate: pem('CERTIFICATE').optional(),
    private_key: pem('PRIVATE KEY').meta({ secret: true }).optional(),
    /** Authorities in place of those that the system trusts; PEM. */
    ca: pem('CERTIFICATE').optional(),
  })
  .refine(
    ({ certificate, private_key: key }) => (certificate === undefined) === (key === undefined),
    'certificate and private_key go together',
  );

export type ClientTlsOptions = z.infer<typeof clientTlsSetting>;

export interface OpenedClientTls {
  tls: SecureContext;
  /** End of our own certificate, Unix milliseconds; `undefined` without one. */
  certificateEndsAtMs: number | undefined;
}

/** Every certificate of a text; throws when one of them cannot be read. OpenSSL would pass over the ones behind it. */
function readCertificates(text: string): X509Certificate[] {
  const blocks = text
    .split(/(?=-----BEGIN )/)
    .filter((block) => /^-----BEGIN [A-Z\d ]*CERTIFICATE-----/.test(block));
  return blocks.map((block) => new X509Certificate(block));
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';

/**
 * Throws `StartRefused`, naming the setting, for what cannot be read, for a key that is another certificate's and for
 * one that TLS does not take, such as RSA of less than 2,048 bits.
 */
export function openClientTls(options: ClientTlsOptions, setting: string): OpenedClientTls {
  const { certificate: cert, private_key: key, ca } = options;
  let endsAtMs: number | undefined;
  if (cert !== undefined && key !== undefined) {
    let matches: boolean;
    try {
      const [own] = readCertificates(cert);
      endsAtMs = own?.validToDate.getTime();
      matches = own?.checkPrivateKey(createPrivateKey(key)) === true;
    } catch {
      // The error may quote the key.
      throw new StartRefused(`${setting} holds a certificate or private key that cannot be read`);
    }
    if (!matches) throw new StartRefused(`${setting}.private_key does not belong to ${setting}.certificate`);
  }
  try {
    if (ca !== undefined) readCertificates(ca);
  } catch {
    throw new StartRefused(`${setting}.ca cannot be read as a certificate`);
  }
  try {
    return { tls: openTlsContext({ cert, key, ca }), certificateEndsAtMs: endsAtMs };
  } catch (error) {
    throw new StartRefused(`${setting}.certificate is not one that TLS takes${codeOf(error)}`);
  }
}
