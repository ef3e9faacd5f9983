// What people do in examples/chat, and see there.

import { eventually, expect } from './harness.js';

// enter brings a person into the room of tea and waits until the chat is ready.
export async function enter(hosts, server, name, room = 'tea') {
  const person = await hosts.visit(server.url);
  await person.getByLabel('Your name').fill(name);
  await person.getByLabel('Room').fill(room);
  await person.getByRole('button', { name: 'Join' }).click();
  await connected(person);
  return person;
}

export const connected = (person) => expect(person.getByRole('status')).toHaveText('connected');
export const reconnecting = (person) => expect(person.getByRole('status')).toHaveText('reconnecting');
export const sees = (person, ...lines) => expect(person.getByRole('listitem')).toHaveText(lines);
export const isTold = (person, text) => expect(person.getByRole('alert')).toHaveText(text);
export const finds = (person, people) => expect(person.locator('#people')).toHaveText(people);

// send presses the button, and leaves it open what comes of it.
export async function send(person, text) {
  if (text !== undefined) await person.getByLabel('Message').fill(text);
  await person.getByRole('button', { name: 'Send' }).click();
}

// say sends a message and waits until the server has it.
export async function say(person, text) {
  await send(person, text);
  await expect(person.getByLabel('Message')).toHaveValue('');
}

// sayAtLast sends what is in the box until the server takes it. What was taken late is not sent again, empty.
export const sayAtLast = (person) => eventually(async () => {
  const box = person.getByLabel('Message');
  if (await box.inputValue() === '') return;
  await send(person);
  await expect(box).toHaveValue('', { timeout: 2000 });
});

// seesTyping types until the other person is told: who is typing may be lost on the way.
export async function seesTyping(person, typist, line) {
  await eventually(async () => {
    await typist.getByLabel('Message').pressSequentially('m');
    await expect(person.locator('#typing')).toHaveText(line, { timeout: 500 });
  });
  await typist.getByLabel('Message').fill('');
}
