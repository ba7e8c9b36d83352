import assert from "node:assert/strict";
import test from "node:test";
import type { Request } from "../../../pkg/netlink/message.ts";
import type { Namespace } from "../../../pkg/ns/namespace.ts";
import type { EventLoop } from "../../../pkg/sys/event-loop.ts";
import type { Timer } from "../../../pkg/sys/timers.ts";
import type { Granted } from "../order.ts";
import { Changes, type Leaving } from "./changes.ts";
import { GoneError, type LeaseClient } from "./lease-client.ts";

const lease = (address: string): Granted => ({ ips: [{ address }], routes: [] });
const clientOf = (family: 4 | 6, granted?: Granted) => ({ family, granted }) as LeaseClient;

/** An interface and a file, what is done to them in order, and what fails next. */
function scene(saved?: Leaving) {
  const done: string[] = [];
  const failures: Error[] = [];
  const timer: Timer & { run: () => void } = { at: null, run: () => {} };
  const fail = () => {
    const error = failures.shift();
    if (error !== undefined) throw error;
  };
  const namespace = {
    send: (request: Request) => void done.push(request.purpose.replace(/ on link number 2$/, "")),
  } as unknown as Namespace;
  const changes: Changes = new Changes(
    {
      loop: { timer: (run: () => void) => Object.assign(timer, { run }) } as unknown as EventLoop,
      index: 2,
      inside: (work) => {
        fail();
        work(namespace);
      },
      guard: (work) => work(),
      keep: () => void done.push(`file: ${JSON.stringify(changes.leaving ?? {})}`),
      log: (text) => done.push(text),
    },
    saved,
  );
  return { changes, done, failures, timer };
}

const leaving = (family: 4 | 6, ...addresses: string[]) => ({
  [family]: { ips: addresses.map((address) => ({ address })), routes: [] },
});

test("the file says what is about to be done, then it is done, then the file says that it is", () => {
  const { changes, done } = scene();
  assert.ok(changes.begin(clientOf(4, lease("10.9.0.2/24")), lease("10.9.0.1/24")));
  assert.deepEqual(done, [
    `file: ${JSON.stringify(leaving(4, "10.9.0.1/24"))}`,
    "delete address 10.9.0.1/24",
    "set address 10.9.0.2/24",
    "file: {}",
  ]);
});

test("what the daemon before was about to do is done, to its family alone", () => {
  const { changes, done } = scene(leaving(6, "fd00::1/128", "fd00::2/128"));
  changes.finish(clientOf(4, lease("10.9.0.2/24")));
  assert.deepEqual(done, []);
  changes.finish(clientOf(6, lease("fd00::2/128")));
  assert.deepEqual(done, ["delete address fd00::1/128", "set address fd00::2/128", "file: {}"]);
});

test("what fails is tried again, and takes with it what has been lost meanwhile", () => {
  const { changes, done, failures, timer } = scene();
  failures.push(new Error("no room"), new Error("no room"));
  const client = { ...clientOf(4), granted: lease("10.9.0.2/24") as Granted | undefined };
  assert.equal(changes.begin(client, lease("10.9.0.1/24")), false);
  assert.ok(timer.at !== null);
  client.granted = undefined;
  assert.equal(changes.begin(client, lease("10.9.0.2/24")), false);
  const complaints = done.filter((text) => text.startsWith("cannot"));
  assert.deepEqual(complaints, ["cannot finish a change of the interface yet: no room"]);
  done.length = 0;
  timer.run();
  assert.deepEqual(done.slice(0, 3), [
    "delete address 10.9.0.1/24",
    "delete address 10.9.0.2/24",
    "file: {}",
  ]);
});

test("an interface that is gone is not tried again", () => {
  const { changes, failures, timer } = scene();
  failures.push(new GoneError("gone"));
  assert.throws(() => changes.begin(clientOf(4), lease("10.9.0.1/24")), { message: "gone" });
  assert.equal(timer.at, null);
});
