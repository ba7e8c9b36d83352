/** Packets of a server as a hostile network would have them, and a client that hears them all. */

import { step } from "../client.ts";
import { decodeFrame, encodeFrame } from "../frame.ts";
import { faultIn, leaseOf } from "../lease.ts";
import { decodeMessage, encodeMessage } from "../message.ts";
import { Option } from "../option.ts";
import { readNames } from "../value.ts";
import { Simulation, server } from "./simulation.ts";

/** Numbers that are the same in each run of a seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const names = [...[3, 101, 110, 103, 5, 97, 112, 112, 108, 101, 0], ...[1, 97, 0xc0, 4], 0xc0, 0];

/** Replies with every option that is read, in the client's present exchange. */
function templates(sim: Simulation): Uint8Array[] {
  const options = [
    [Option.domainSearch, Uint8Array.from(names)],
    [Option.classlessRoutes, Uint8Array.of(0, 10, 9, 0, 1, 24, 10, 1, 2, 10, 9, 0, 1)],
    [Option.staticRoutes, Uint8Array.of(10, 1, 0, 0, 10, 9, 0, 1)],
    [Option.domainName, Uint8Array.of(97, 46, 98)],
    [Option.interfaceMtu, Uint8Array.of(5, 120)],
    [Option.renewalTime, Uint8Array.of(0, 0, 0, 9)],
    [Option.overload, Uint8Array.of(3)],
    [Option.clientId, sim.client.identity.clientId],
  ] as const;
  return [2, 5, 6].map((type) => encodeMessage(sim.reply({ type, options })));
}

/** One to four changes: a byte, a run of bytes, a cut, a piece moved. */
function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let changed = bytes.slice();
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(changed.length);
    const kind = random(6);
    if (kind < 3) changed[at] = random(256);
    else if (kind === 3) changed.fill(random(2) * 255, at, at + random(64));
    else if (kind === 4) changed = changed.slice(0, Math.max(1, at));
    else changed.copyWithin(random(changed.length), at, at + random(32));
  }
  return changed;
}

/** What became of the packets. */
export interface Tally {
  messages: number;
  leases: number;
  acted: number;
}

/** Lets a client in each of its states hear so many mutated packets; throws where one of them does harm. */
export function hearMutated(count: number, seed: number): Tally {
  const random = randomOf(seed);
  const tally = { messages: 0, leases: 0, acted: 0 };
  for (let done = 0; done < count; ) {
    const sim = new Simulation({}, { probe: random(2) * 100 });
    sim.start();
    for (let reply = random(3); reply > 0; reply--) sim.hear({ type: 2 + 3 * random(2) });
    if (sim.client.phase === "bound") sim.wake();
    const replies = templates(sim);
    for (let packet = 0; packet < 50 && done < count; packet++, done++) {
      hear(sim, mutate(replies[random(3)] ?? new Uint8Array(240), random), tally);
    }
    // Whole packets, too: their headers are read before anything else.
    decodeFrame(mutate(encodeFrame(replies[0] ?? new Uint8Array(0), ends), random), false);
  }
  return tally;
}

const ends = { source: server, destination: 0xffff_ffff };

function hear(sim: Simulation, bytes: Uint8Array, tally: Tally): void {
  const message = decodeMessage(bytes);
  if (message === undefined) return;
  tally.messages++;
  readNames(message.options.get(Option.domainSearch));
  if (faultIn(message) === undefined) {
    leaseOf(message, server, sim.now);
    tally.leases++;
  }
  const moment = { now: sim.now, random: 7 };
  const { client, actions } = step(sim.client, { type: "message", message }, moment);
  if (actions.length > 0) tally.acted++;
  const { lease } = client;
  if (lease === undefined) return;
  const isSane =
    lease.prefixLength >= 1 &&
    lease.prefixLength <= 32 &&
    (lease.expiresAt === null || lease.expiresAt > lease.renewAt) &&
    [lease.domain ?? "a", ...lease.search].every((name) => /^[\w.-]{1,253}$/.test(name));
  if (!isSane) throw new Error(`no sane lease: ${JSON.stringify(lease)}`);
}
