// Publishes a chat message, a plain text and a mistake. Run it from the folder of relay.sock:
//   node examples/quickstart/node-redis/publisher.js
import { createClient } from 'redis';

// Only the address differs from plain Redis, where it is createClient({ url: 'redis://localhost:6379' }).
const client = createClient({ socket: { path: process.env.REDIS_SOCKET ?? './relay.sock' } });
client.on('error', (error) => console.error(error.message));
await client.connect();

const chat = { type: 'message', id: 'm1', roomId: '42', userId: 'ada', message: 'Hello', timestamp: Date.now() };
console.log(`chat:42: ${await client.publish('chat:42', JSON.stringify(chat))} receivers`);
console.log(`notifications: ${await client.publish('notifications', 'Backup done')} receivers`);
try {
  await client.publish('chat:42', JSON.stringify({ ...chat, userId: 7 })); // plain Redis would let it through
} catch (error) {
  console.log(`refused: ${error.message}`);
}
await client.close();
