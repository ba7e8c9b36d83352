/** Packets that must get through, or must not. */

import assert from "node:assert/strict";
import { describe } from "./command.ts";
import type { Host } from "./host.ts";

/** Pings until the first answer, five seconds at most: addresses of IPv6 may need a moment. */
export async function assertPing(host: Host, netns: string, address: string): Promise<void> {
  const outcome = await host.start(["ping", "-n", "-c1", "-i0.2", "-w5", address], { netns })
    .outcome;
  assert.equal(outcome.status, 0, describe(outcome));
}

/** The first ping is answered within a second: nothing on the way needs a moment. */
export async function assertPingAtOnce(host: Host, netns: string, address: string): Promise<void> {
  const outcome = await host.start(["ping", "-n", "-c1", "-W1", address], { netns }).outcome;
  assert.equal(outcome.status, 0, describe(outcome));
}

/** Nobody answers within a second. */
export async function assertNoPing(host: Host, netns: string, address: string): Promise<void> {
  const outcome = await host.start(["ping", "-n", "-c3", "-i0.2", "-w1", address], { netns })
    .outcome;
  assert.notEqual(outcome.status, 0, describe(outcome));
}

const server = `
const server = require("node:net").createServer((socket) => socket.end("hello"));
server.listen(8080, process.argv[1], () => console.log("listening"));
setTimeout(() => process.exit(1), 20_000).unref();
`;

const client = `
const socket = require("node:net").connect(8080, process.argv[1]);
socket.setTimeout(5000, () => process.exit(2));
socket.pipe(process.stdout);
`;

/** A connection from one namespace to an address in another carries data. */
export async function assertTcp(
  host: Host,
  from: string,
  to: string,
  address: string,
): Promise<void> {
  const node = [process.execPath, "-e"];
  const listening = host.start([...node, server, address], { netns: to });
  try {
    await listening.printed("listening");
    const outcome = await host.start([...node, client, address], { netns: from }).outcome;
    assert.equal(outcome.stdout, "hello", describe(outcome));
  } finally {
    listening.kill("SIGKILL");
    await listening.outcome;
  }
}
