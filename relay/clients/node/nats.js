// The NATS clients under test, each behind the same small connection:
//
//   listen(subject, inbox)      resolves when the relay knows of it; messages are {subject, payload: Buffer, id}
//   publish(subject, payload)
//   request(subject, payload)   resolves to {body, code}
//   close()

import * as transport3 from '@nats-io/transport-node';
import * as nats2 from 'nats';
import { PATIENCE } from './wait.js';

export const clients = [
  { name: 'nats.js 2', open: (port) => open(nats2, port) },
  { name: 'nats.js 3', open: (port) => open(transport3, port) },
];

async function open({ connect }, port) {
  const connection = await connect({ servers: `127.0.0.1:${port}`, reconnectTimeWait: 10 });
  const request = async (subject, payload) => {
    const answer = await connection.request(subject, payload, { timeout: PATIENCE });
    return { body: JSON.parse(answer.string()), code: answer.headers?.get('Nats-Service-Error-Code') };
  };
  return {
    request,
    listen: async (subject, inbox) => {
      const callback = (error, message) => inbox.push(error ?? {
        subject: message.subject, payload: Buffer.from(message.data), id: message.headers?.get('Relay-Id'),
      });
      connection.subscribe(subject, { callback });
      await request('publish.plain.barrier', ''); // comes behind the subscription
    },
    publish: (subject, payload) => connection.publish(subject, payload),
    close: () => connection.close(),
  };
}
