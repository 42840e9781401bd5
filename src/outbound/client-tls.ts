/** TLS towards one destination: our own certificate (mutual TLS), and the authorities that vouch for the other side. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { StartRefused } from '../errors.ts';
import type { ClientTls } from './outbound-types.ts';

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
  tls: ClientTls;
  /** End of our own certificate, Unix milliseconds; `undefined` without one. */
  certificateEndsAtMs: number | undefined;
}

/** Throws `StartRefused`, naming the setting, for what cannot be read and for a key that is another certificate's. */
export function openClientTls(options: ClientTlsOptions, setting: string): OpenedClientTls {
  const { certificate: cert, private_key: key, ca } = options;
  let endsAtMs: number | undefined;
  if (cert !== undefined && key !== undefined) {
    let matches: boolean;
    try {
      const first = new X509Certificate(cert);
      endsAtMs = first.validToDate.getTime();
      matches = first.checkPrivateKey(createPrivateKey(key));
    } catch {
      // The error may quote the key.
      throw new StartRefused(`${setting} holds a certificate or private key that cannot be read`);
    }
    if (!matches) throw new StartRefused(`${setting}.private_key does not belong to ${setting}.certificate`);
  }
  try {
    if (ca !== undefined) void new X509Certificate(ca);
  } catch {
    throw new StartRefused(`${setting}.ca cannot be read as a certificate`);
  }
  return { tls: { cert, key, ca }, certificateEndsAtMs: endsAtMs };
}
