// Prints what is said on two channels, until Ctrl-C. Run it from the folder of relay.sock:
//   node examples/quickstart/node-redis/subscriber.js
import { createClient } from 'redis';

// Only the address differs from plain Redis, where it is createClient({ url: 'redis://localhost:6379' }).
const client = createClient({ socket: { path: process.env.REDIS_SOCKET ?? './relay.sock' } });
client.on('error', (error) => console.error(error.message)); // and it reconnects and subscribes again
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => client.destroy());

await client.connect();
await client.subscribe(['chat:42', 'notifications'], (message, channel) => {
  console.log(`${channel}: ${message}`);
});
