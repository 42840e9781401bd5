import { checkHmac, type MockVendor } from './vendor.ts';

interface Fields {
  /** Member that holds what is signed. */
  message: string;
  hash: string;
  hexSecret?: boolean;
}

/** What a page may hand over beside the signed value; the signature says nothing about it. */
function hmacVendor(id: string, secret: string, { message, hash, hexSecret = false }: Fields): MockVendor {
  return {
    id,
    console: { secret },
    admit({ web }) {
      const key = hexSecret ? Buffer.from(secret, 'hex') : secret;
      const { [message]: signed, [hash]: signature, ...told } = web;
      return { customer: checkHmac(signed, signature, key), told };
    },
  };
}

/** Vendors that check a hex HMAC of one value under a secret that they share with the company. */
export const hmacVendors: readonly MockVendor[] = [
  hmacVendor('intercom-hmac', 'Zx7Cv3Bn9Mq5Wl1Ke8Rj4Th6', { message: 'user_id', hash: 'user_hash' }),
  hmacVendor('crisp', 'c5d8e1f4a7b0c3d6e9f2a5b8', { message: 'email', hash: 'signature' }),
  hmacVendor('chatwoot', 'Xk4Lp8Qr2St6Vw9Yz3Ab7Cd', { message: 'identifier', hash: 'identifier_hash' }),
  hmacVendor('front', '0a9b8c7d6e5f4a3b2c1d0e9f', { message: 'email', hash: 'userHash' }),
  hmacVendor('help-scout', 'TfK5hW9qLm3RzX7cVb1NpYgD', { message: 'email', hash: 'signature' }),
  hmacVendor('pylon', '6a1f9c3e7b5d2048c9e1f3a7b5d80264', {
    message: 'email',
    hash: 'email_hash',
    hexSecret: true,
  }),
  hmacVendor('plain', 'uY6tR4eW2qA9sD7fG5hJ3kL1', { message: 'email', hash: 'emailHash' }),
  hmacVendor('gainsight', 'wQ8eR6tY4uI2oP0aS9dF7gH5', { message: 'id', hash: 'userHash' }),
  hmacVendor('novu', 'e7c5a3918f6d4b20e7c5a3918f6d4b21', { message: 'subscriberId', hash: 'subscriberHash' }),
];
