/** Who reaches whom under which address: servers that tell who speaks to them, and clients that ask many at once. */

import assert from "node:assert/strict";
import { describe } from "./command.ts";
import type { Host } from "./host.ts";

export type Transport = "tcp" | "udp";

/** A place to listen at, or to speak to. */
export interface Endpoint {
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;
  /** The client's own address and port, where they matter. */
  readonly from?: string;
  readonly fromPort?: number;
}

const server = `
const [name, list] = process.argv.slice(1);
const reply = (address) => name + " " + address.replace(/^::ffff:/, "");
let open = 0;
const endpoints = JSON.parse(list);
const ready = () => { if (++open === endpoints.length) console.log("listening"); };
for (const { transport, address, port } of endpoints) {
  if (transport === "tcp") {
    require("node:net").createServer((socket) => {
      socket.on("error", () => {});
      socket.end(reply(socket.remoteAddress));
    }).listen(port, address, ready);
  } else {
    const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.on("message", (_, peer) => socket.send(reply(peer.address), peer.port, peer.address));
    socket.bind(port, address, ready);
  }
}
`;

const client = `
const ask = ({ transport, address, port, from, fromPort }) => new Promise((resolve) => {
  setTimeout(() => resolve("nobody"), 1000);
  if (transport === "tcp") {
    const socket = require("node:net").connect({ host: address, port, localAddress: from, localPort: fromPort });
    let text = "";
    socket.on("data", (data) => { text += data; });
    socket.on("error", () => resolve("nobody"));
    socket.on("close", () => resolve(text || "nobody"));
  } else {
    const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
    const send = () => socket.send("?", port, address, (error) => error && resolve("nobody"));
    socket.on("message", (data) => resolve(String(data)));
    socket.on("error", () => resolve("nobody"));
    socket.bind(fromPort ?? 0, from, send);
  }
});
Promise.all(JSON.parse(process.argv[1]).map(ask)).then((replies) => {
  console.log(JSON.stringify(replies));
  process.exit(0);
});
`;

/** Servers in a namespace ("" for the host's own) while the steps run; they answer with their name and the client's address. */
export async function withServers<T>(
  host: Host,
  where: { netns: string; name?: string; endpoints: readonly Endpoint[] },
  steps: () => Promise<T>,
): Promise<T> {
  const { netns, name = netns, endpoints } = where;
  const argv = [process.execPath, "-e", server, name, JSON.stringify(endpoints)];
  const running = host.start(argv, netns === "" ? {} : { netns });
  try {
    await running.printed("listening");
    return await steps();
  } finally {
    running.kill("SIGKILL");
    await running.outcome;
  }
}

/** What each endpoint answers to a client in the namespace: a server's name and who it took the client for, or "nobody". */
export async function ask(
  host: Host,
  netns: string,
  endpoints: readonly Endpoint[],
): Promise<string[]> {
  const argv = [process.execPath, "-e", client, JSON.stringify(endpoints)];
  const outcome = await host.start(argv, netns === "" ? {} : { netns }).outcome;
  assert.equal(outcome.status, 0, describe(outcome));
  return JSON.parse(outcome.stdout);
}
