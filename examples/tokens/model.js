// A stand-in for a language model: it answers any question in the same way, token by token, until the signal
// aborts it. Put the stream of your model's API in its place; whatever can be iterated will do.

import { setTimeout as pause } from 'node:timers/promises';

const TOKENS_PER_SECOND = Number(process.env.TOKENS_PER_SECOND ?? 25);

const PARAGRAPHS = [
  'That is a good question, and the honest answer is that I am not a language model at all. I am a short program which ' +
    'takes sentences apart and hands them out one token at a time, at about the speed at which people read.',
  'What happens to these tokens is real, though. Each one is appended to a stream in Redis before anybody sees it, and ' +
    'gets an ID there. This page knows the ID of the last token that it has shown. When it is reloaded, when its network ' +
    'goes away, when the server behind it is restarted, it asks for what came after that ID, and goes on.',
  'So nothing depends on this tab. Close it, and the answer is written to its end all the same. Open the address in ' +
    'another tab, or on your phone, and you will read along there from the first word, behind another server if you ' +
    'like, written in another language. Press Stop in any of them, and all of them stop.',
  'Ten minutes after its last token the answer is forgotten: the stream has a time to live. Keep what is worth keeping in ' +
    'your database, when the end marker has come. And now I have said what I had to say. Ask me something else, or reload ' +
    'this page while I am still talking.',
];

export async function* answer(question, signal) {
  const text = [`You asked: “${question}”`, ...PARAGRAPHS].join('\n\n');
  for (const token of text.match(/\s*\S{1,6}/g)) {
    await pause(1000 / TOKENS_PER_SECOND, undefined, { signal });
    yield token;
  }
}
