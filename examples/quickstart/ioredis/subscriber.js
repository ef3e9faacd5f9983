// Prints what is said on two channels, until Ctrl-C. Run it from the folder of relay.sock:
//   node examples/quickstart/ioredis/subscriber.js
import { Redis } from 'ioredis';

// Only the address differs from plain Redis, where it is new Redis('redis://localhost:6379').
const client = new Redis({ path: process.env.REDIS_SOCKET ?? './relay.sock' });
client.on('error', (error) => console.error(error.message)); // and it reconnects and subscribes again
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => client.disconnect());

client.on('message', (channel, message) => console.log(`${channel}: ${message}`));
await client.subscribe('chat:42', 'notifications');
