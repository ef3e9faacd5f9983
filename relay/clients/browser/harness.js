// The hosts of a test (relay/clients/node/hosts.js) and people who visit them in Chromium.
//
//   const hosts = await startHosts({ config, relays: 2 });
//   const server = await hosts.serve(hosts.relays[0], 'node', ['server.js'], { cwd });
//   const ann = await hosts.visit(server.url);
//   await server.stop('SIGKILL');
//   await expect(ann.getByRole('status')).toHaveText('reconnecting');
//   await server.start();
//   await hosts.close();

import { after } from 'node:test';
import { chromium, expect as playwrightExpect } from '@playwright/test';
import { Hosts } from '../node/hosts.js';
import { PATIENCE } from '../node/wait.js';

// expect waits until a page shows what it should, for as long as any condition of the suites may take.
export const expect = playwrightExpect.configure({ timeout: PATIENCE });

// eventually repeats steps until they pass.
export const eventually = (steps) => expect(steps).toPass({ timeout: PATIENCE });

// PHONE is a browser with a small screen, which makes it 980 pixels wide for pages that say nothing of it.
export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 3 };

// hear keeps what the console of a page says that should not be said, and what the page asks for.
export function hear(page) {
  const heard = { errors: [], requests: [] };
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && heard.errors.push(message.text()));
  page.on('pageerror', (error) => heard.errors.push(error.message));
  page.on('request', (request) => heard.requests.push(request.url()));
  return heard;
}

const SOON = 2000; // milliseconds in which an operator sees what happens

// isSeenSoon causes something and waits until it can be seen. A machine that is busy gets more chances.
export async function isSeenSoon(what, cause, seen) {
  const took = [];
  for (let i = 0; i < 5; i++) {
    await cause(i);
    const begun = Date.now();
    await expect(seen(i)).toBeVisible();
    took.push(Date.now() - begun);
    if (took.at(-1) <= SOON) return;
  }
  throw new Error(`${what} was seen after ${took} ms`);
}

// startHosts starts a redis-server and so many relays with the config, the path of a relay.yaml.
export const startHosts = (options) => VisitedHosts.start(options);

// browser is a promise, since the first visitor. It is the same for all tests of a file: to start Chromium takes more of
// the processor than most tests.
let browser;
after(async () => (await browser)?.close());

class VisitedHosts extends Hosts {
  #contexts = [];

  // visit opens the address as a person does who has a browser of their own (cookies, storage, network), and
  // returns the page. page.context().setOffline(true) pulls the plug of this browser alone. Options are those of
  // newContext, such as PHONE.
  async visit(url, options) {
    browser ??= openBrowser();
    const context = await (await browser).newContext(options);
    this.#contexts.push(context);
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  async close() {
    try {
      await Promise.all(this.#contexts.map((context) => context.close()));
    } finally {
      await super.close();
    }
  }
}

// openBrowser starts Chromium, for a test that needs no hosts.
export function openBrowser() {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) {
    throw new Error('CHROMIUM is not set: name a Chromium or Chrome, such as /usr/bin/chromium');
  }
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-quic', '--disable-sync'];
  return chromium.launch({ executablePath, args: ['--disable-gpu', '--no-first-run', ...quiet], timeout: PATIENCE });
}
