import { createServer, request as httpRequest } from 'node:http';
import { listen, shut } from './backend.ts';

export interface AnswerDropper {
  url: string;
  /** Form fields of the calls to `/customer_authenticate` so far. */
  readonly authentications: URLSearchParams[];
  /** How many of the next answers are lost on the way back, after the service gave them. */
  dropNext: number;
  /** Holds answers of `/customer_authenticate` back. Returns the way to let them go. */
  hold(): () => void;
  close(): Promise<void>;
}

/** Stands between a client and the service at `target`, passes all on, and loses or holds answers when told to. */
export async function startAnswerDropper(target: string): Promise<AnswerDropper> {
  let gate = Promise.resolve();
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      if (incoming.url === '/customer_authenticate')
        dropper.authentications.push(new URLSearchParams(body.toString()));
      const { host: _host, ...headers } = incoming.headers;
      const { method } = incoming;
      const onwards = httpRequest(`${target}${incoming.url}`, { method, headers }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        const passOn = () => {
          if (dropper.dropNext > 0) {
            dropper.dropNext -= 1;
            outgoing.destroy();
            return;
          }
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers).end(Buffer.concat(parts));
        };
        answer.on('end', () => {
          if (incoming.url === '/customer_authenticate') void gate.then(passOn);
          else passOn();
        });
      });
      onwards.on('error', () => outgoing.destroy());
      onwards.end(body);
    });
  });
  const dropper: AnswerDropper = {
    url: await listen(server),
    authentications: [],
    dropNext: 0,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    close: () => shut(server),
  };
  return dropper;
}
