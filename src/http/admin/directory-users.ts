import { z } from 'zod';
import type { DirectoryUsers } from '../../authenticators/directory/directory-users.ts';
import type { DirectoryUser } from '../../authenticators/directory/directory-types.ts';
import { nameSetting } from '../../platform/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { adminEndpoint, listOf, timeSchema, timeText } from './admin-endpoint.ts';

const username = z.string().min(1).max(255);
const password = z.string().min(1).max(1_024);

const addSchema = z
  .strictObject({
    username,
    password,
    reference: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .meta({ description: "The company's own immutable id of the person; made when left out." }),
  })
  .meta({
    id: 'DirectoryUserAdd',
    examples: [{ username: 'mira', password: 'correct horse battery staple', reference: '4711' }],
  });

const userSchema = z
  .strictObject({
    username,
    reference: z.string(),
    created_at: timeSchema,
    disabled_at: timeSchema.nullable(),
  })
  .meta({ id: 'DirectoryUser' });

const directoryPath = z.strictObject({ directory: nameSetting });
const userPath = z.strictObject({ directory: nameSetting, username });
const doneSchema = z.strictObject({ username, done: z.literal(true) });

function show(user: DirectoryUser): z.output<typeof userSchema> {
  return {
    username: user.username,
    reference: user.reference,
    created_at: timeText(user.createdAtMs),
    disabled_at: timeText(user.disabledAtMs),
  };
}

/** Users of the embedded directory: add, list, set a password, disable. */
export function directoryUserEndpoints({ users }: { users: DirectoryUsers }): Endpoint[] {
  return [
    adminEndpoint({
      method: 'post',
      path: '/admin/directories/{directory}/users',
      operationId: 'addDirectoryUser',
      summary: 'Add a user to the embedded directory',
      pathParameters: directoryPath,
      body: addSchema,
      status: 201,
      answer: userSchema,
      errors: ['NOT_FOUND', 'CONFLICT', 'SIGN_IN_BUSY'],
      run: async ({ path, body, by }) =>
        show(await users.add(path.directory, { ...body, reference: body.reference }, by)),
    }),
    adminEndpoint({
      method: 'get',
      path: '/admin/directories/{directory}/users',
      operationId: 'listDirectoryUsers',
      summary: 'List the users of the embedded directory',
      pathParameters: directoryPath,
      answer: listOf(userSchema),
      errors: ['NOT_FOUND'],
      run: async ({ path }) => ({ items: (await users.list(path.directory)).map(show) }),
    }),
    adminEndpoint({
      method: 'put',
      path: '/admin/directories/{directory}/users/{username}/password',
      operationId: 'setDirectoryPassword',
      summary: 'Set the password of a directory user',
      pathParameters: userPath,
      body: z.strictObject({ password }),
      answer: doneSchema,
      errors: ['NOT_FOUND', 'SIGN_IN_BUSY'],
      run: async ({ path, body, by }) => {
        await users.setPassword(path.directory, path.username, body.password, by);
        return { username: path.username, done: true };
      },
    }),
    adminEndpoint({
      method: 'post',
      path: '/admin/directories/{directory}/users/{username}/disable',
      operationId: 'disableDirectoryUser',
      summary: 'Disable a directory user',
      pathParameters: userPath,
      answer: doneSchema,
      errors: ['NOT_FOUND'],
      run: async ({ path, by }) => {
        await users.disable(path.directory, path.username, by);
        return { username: path.username, done: true };
      },
    }),
  ];
}
