import assert from "node:assert/strict";
import test from "node:test";
import { Errno, SysError } from "../sys/errno.ts";
import { observe } from "../sys/trace.ts";
import { attributes, encode, string, u32 } from "./codec.ts";
import { isNetlinkError } from "./error.ts";
import type { Request } from "./message.ts";
import { MessageFlag, optional } from "./message.ts";
import { NetlinkSocket } from "./socket.ts";
import { failure } from "./testing/failure.ts";
import { type Answer, ack, done, FakeKernel, message, type Seen } from "./testing/fake-kernel.ts";
import { hex } from "./testing/hex.ts";

const explanation = attributes({ text: [1, string], offset: [2, u32], missing: [5, u32] });

function change(purpose: string, quiet?: true): Request {
  return { purpose, type: 16, flags: 0, write: (to) => void to.reserve(4), quiet };
}

function question(purpose: string): Request<number> {
  return {
    purpose,
    type: 18,
    flags: 0,
    write: (to) => void to.reserve(4),
    read: (from, start) => u32.get(from, start),
  };
}

function number(value: number, length = 4): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

const multi = { flags: MessageFlag.multi };

function socketTo(answer: (batch: Seen[]) => readonly Answer[]): {
  socket: NetlinkSocket;
  kernel: FakeKernel;
} {
  const kernel = new FakeKernel(answer);
  return { kernel, socket: new NetlinkSocket(kernel) };
}

test("send() asks for an acknowledgement of the last change only, and for none behind it", () => {
  const { socket, kernel } = socketTo((batch) =>
    batch.flatMap(({ sequence, type, flags }) => {
      if (type === 18) return [message(16, sequence, number(7))];
      return flags & MessageFlag.ack ? [ack(sequence)] : [];
    }),
  );
  assert.deepEqual(socket.send(change("a"), question("b"), change("c")), [undefined, 7, undefined]);
  assert.deepEqual(socket.send(change("a"), question("b")), [undefined, 7]);
  assert.deepEqual(
    kernel.batches.map((batch) => batch.map(({ flags }) => flags)),
    [
      [1, 1, 5],
      [1, 1],
    ],
  );
});

test("send() tells of a refusal that no acknowledgement was asked for", () => {
  const { socket } = socketTo(() => [ack(1, Errno.EEXIST), ack(3)]);
  const error = failure(() => socket.send(change("make a"), change("make b"), change("make c")));
  assert.equal(error.message, "make a: file exists");
});

test("send() takes the errno that says that there is none for an answer, and no other", () => {
  const { socket } = socketTo(([first]) => {
    const at = first?.sequence ?? 0;
    return [ack(at, Errno.ENODEV), message(16, at + 1, number(7))];
  });
  const [absent, present] = socket.send(
    optional(question("find a"), Errno.ENODEV),
    optional(question("find b"), Errno.ENODEV),
  );
  assert.deepEqual([absent, present], [undefined, 7]);
  const error = failure(() =>
    socket.send(optional(question("find a"), Errno.ENOENT), question("find b")),
  );
  assert.equal(error.message, "find a: no such device");
});

test("send() takes each of several errnos that say so", () => {
  const either = () => optional(optional(question("find a"), Errno.ENODEV), Errno.ENOENT);
  for (const errno of [Errno.ENODEV, Errno.ENOENT]) {
    const { socket } = socketTo(([first]) => [ack(first?.sequence ?? 0, errno)]);
    assert.deepEqual(socket.send(either()), [undefined]);
  }
  const { socket } = socketTo(([first]) => [ack(first?.sequence ?? 0, Errno.EPERM)]);
  assert.equal(failure(() => socket.send(either())).errno, Errno.EPERM);
});

test("send() of nothing does not talk to the kernel", () => {
  const { socket } = socketTo(() => assert.fail("it was asked"));
  assert.deepEqual(socket.send(), []);
});

test("send() throws the first failure after it has read the other replies", () => {
  const { socket } = socketTo((batch) =>
    batch.map(({ sequence }) => (sequence === 1 ? ack(1) : ack(sequence, Errno.EEXIST))),
  );
  const error = failure(() => socket.send(change("make a"), change("make b"), change("make c")));
  assert.equal(error.message, "make b: file exists");
  assert.equal(error.purpose, "make b");
  assert.equal(error.errno, Errno.EEXIST);
  assert.ok(isNetlinkError(error, Errno.ENOENT, Errno.EEXIST));
  assert.ok(error instanceof SysError);
  assert.equal(failure(() => socket.send(change("make d"))).purpose, "make d");
});

test("a failure carries the kernel's own words, and where they point", () => {
  const words = encode(explanation, { text: "mtu less than device minimum", offset: 32 });
  const { socket } = socketTo(() => [ack(1, Errno.EINVAL, words)]);
  const error = failure(() => socket.send(change("change link a")));
  assert.equal(error.message, "change link a: invalid argument: mtu less than device minimum");
  assert.equal(error.kernelText, "mtu less than device minimum");
  assert.equal(error.offset, 32);
});

test("a failure names the attribute that is missing", () => {
  const { socket } = socketTo(() => [ack(1, Errno.EINVAL, encode(explanation, { missing: 3 }))]);
  const error = failure(() => socket.send(change("change link a")));
  assert.equal(error.message, "change link a: invalid argument: attribute 3 is missing");
});

test("the kernel's words are found behind a request that it repeats whole", () => {
  const body = hex("eaffffff 14000000 1000 0500 01000000 00000000 aabbccdd 0700 0100 6e6f0000");
  const { socket } = socketTo(() => [message(2, 1, body, { flags: MessageFlag.explained })]);
  assert.equal(failure(() => socket.send(change("a"))).kernelText, "no");
});

test("an acknowledgement that lies about the request's length is read without its words", () => {
  const body = hex("eaffffff fcffffff 1000 0500 01000000 00000000 0700 0100 6e6f0000");
  const { socket } = socketTo(() => [message(2, 1, body, { flags: MessageFlag.explained })]);
  assert.equal(failure(() => socket.send(change("a"))).message, "a: invalid argument");
});

test("messages for others are skipped", () => {
  const { socket } = socketTo(([seen]) => {
    const sequence = seen?.sequence ?? 0;
    const foreign = { port: 99 };
    return sequence === 1
      ? [message(16, 77, number(1)), message(16, 0, number(2)), message(16, 1, number(3))]
      : [message(16, sequence, number(4), foreign), message(16, sequence, number(5))];
  });
  assert.deepEqual(socket.send(question("a")), [3]);
  assert.deepEqual(socket.send(question("b")), [5]);
});

test("a notification of the very change that is under way is not its acknowledgement", () => {
  const { socket } = socketTo(() => [message(16, 1, number(1)), ack(1, Errno.EPERM)]);
  assert.equal(failure(() => socket.send(change("a"))).errno, Errno.EPERM);
});

test("several messages of one datagram are told apart", () => {
  const { socket } = socketTo(() => [
    Uint8Array.from([...message(16, 1, number(1)), ...message(16, 2, number(2))]),
  ]);
  assert.deepEqual(socket.send(question("a"), question("b")), [1, 2]);
});

test("an answer that is longer than the room for it is asked for again", () => {
  const { socket, kernel } = socketTo((batch) =>
    batch.map(({ sequence }) => message(16, sequence, number(sequence, 9000))),
  );
  assert.deepEqual(socket.send(question("a"), question("b")), [3, 4]);
  assert.equal(kernel.batches.length, 3);
});

test("a refusal that is longer than the room for it still tells its errno", () => {
  const words = encode(explanation, { text: "x".repeat(5000) });
  const { socket } = socketTo(() => [ack(1, Errno.EINVAL, words)]);
  assert.equal(failure(() => socket.send(change("a"))).message, "a: invalid argument");
});

test("no reply ends in ETIMEDOUT, in the name of the request that got none", () => {
  const { socket } = socketTo(() => [ack(1)]);
  const error = failure(() => socket.send(change("a"), change("b")));
  assert.equal(error.message, "b: connection timed out");
});

test("more than 64 requests go in several batches", () => {
  const { socket, kernel } = socketTo((batch) => batch.map(({ sequence }) => ack(sequence)));
  socket.send(...Array.from({ length: 130 }, () => change("a")));
  assert.deepEqual(
    kernel.batches.map((batch) => batch.length),
    [64, 64, 2],
  );
});

test("a quiet request wants no acknowledgement, and its failure ends the batch", () => {
  const marks: [Request, Request, Request] = [
    change("begin", true),
    change("a"),
    change("end", true),
  ];
  const good = socketTo(() => [ack(2)]);
  good.socket.send(...marks);
  assert.deepEqual(
    good.kernel.batches[0]?.map(({ flags }) => flags),
    [1, 5, 1],
  );
  const bad = socketTo(() => [ack(1, Errno.EPERM)]);
  assert.equal(failure(() => bad.socket.send(...marks)).purpose, "begin");
});

test("dump() collects the messages of all datagrams up to the end", () => {
  const { socket, kernel } = socketTo(() => [
    Uint8Array.from([...message(16, 1, number(1), multi), ...message(16, 1, number(2), multi)]),
    message(16, 1, number(3), multi),
    done(1),
  ]);
  assert.deepEqual(socket.dump(question("list")), [1, 2, 3]);
  assert.equal(kernel.batches[0]?.[0]?.flags, MessageFlag.request | MessageFlag.dump);
});

test("dump() leaves out what its request does not want", () => {
  const { socket } = socketTo(() => [
    message(16, 1, number(1), multi),
    message(16, 1, number(2), multi),
    done(1),
  ]);
  const odd: Request<number | undefined> = {
    ...question("list"),
    read: (from, start) => (u32.get(from, start) % 2 ? 1 : undefined),
  };
  assert.deepEqual(socket.dump(odd), [1]);
});

test("dump() switches strict checking on, once", () => {
  const { socket, kernel } = socketTo(([seen]) => [done(seen?.sequence ?? 0)]);
  socket.dump(question("list"));
  socket.dump(question("list"));
  assert.deepEqual(kernel.options, [
    [11, 1],
    [12, 1],
  ]);
});

test("dump() repeats what changed while it was read", () => {
  const flags = MessageFlag.multi | MessageFlag.dumpInterrupted;
  const { socket } = socketTo(([seen]) => {
    const sequence = seen?.sequence ?? 0;
    const first = message(16, sequence, number(sequence), sequence === 1 ? { flags } : multi);
    return [first, done(sequence)];
  });
  assert.deepEqual(socket.dump(question("list")), [2]);
});

test("dump() gives up on what never stops changing", () => {
  const flags = MessageFlag.multi | MessageFlag.dumpInterrupted;
  const { socket, kernel } = socketTo(([seen]) => {
    const sequence = seen?.sequence ?? 0;
    return [message(16, sequence, number(1), { flags }), done(sequence)];
  });
  const error = failure(() => socket.dump(question("list links")));
  assert.match(error.message, /^list links: interrupted system call: it changed/);
  assert.equal(kernel.batches.length, 8);
});

test("dump() is repeated with more room when a datagram did not fit", () => {
  const { socket } = socketTo(([seen]) => {
    const sequence = seen?.sequence ?? 0;
    return [message(16, sequence, number(sequence, 9000), multi), done(sequence)];
  });
  assert.deepEqual(socket.dump(question("list")), [2]);
});

test("dump() fails with the errno at its end, or instead of it", () => {
  const atEnd = socketTo(() => [message(16, 1, number(1), multi), done(1, Errno.ENODEV)]);
  assert.equal(failure(() => atEnd.socket.dump(question("list"))).errno, Errno.ENODEV);
  const refused = socketTo(() => [ack(1, Errno.EOPNOTSUPP)]);
  assert.equal(failure(() => refused.socket.dump(question("list"))).errno, Errno.EOPNOTSUPP);
});

test("a message that cannot be one is an error, not a hang", () => {
  const { socket } = socketTo(() => [hex("08000000 10000000 01000000 00000000")]);
  assert.throws(() => socket.send(question("a")), /cannot decode a message of 8 bytes/);
});

test("waitFor() asks once and listens to nothing when that is enough", () => {
  const { socket, kernel } = socketTo(() => []);
  assert.equal(
    socket.waitFor([1], () => "yes", { timeoutMs: 1000 }),
    "yes",
  );
  assert.deepEqual(kernel.options, [[11, 1]]);
});

test("waitFor() asks again after each notification, lost ones included, and then stops listening", () => {
  const { socket, kernel } = socketTo((batch) => batch.map(({ sequence }) => ack(sequence)));
  const notification = message(16, 5, number(1), { port: 99 });
  socket.send(change("a"));
  kernel.push(notification, new SysError("receive", Errno.ENOBUFS), notification);
  let asked = 0;
  const found = socket.waitFor([1, 9], () => (++asked === 4 ? asked : undefined), {
    timeoutMs: 1000,
  });
  assert.equal(found, 4);
  assert.deepEqual(kernel.options.slice(1), [
    [1, 1],
    [1, 9],
    [2, 1],
    [2, 9],
  ]);
});

test("waitFor() asks again at once when a notification came between the replies it read", () => {
  let asked = 0;
  const { socket } = socketTo(([seen]) => {
    const sequence = seen?.sequence ?? 0;
    if (seen?.type !== 18) return [ack(sequence)];
    asked++;
    const answer = message(16, sequence, number(asked));
    return asked === 2 ? [message(16, 5, number(1), { port: 99 }), answer] : [answer];
  });
  const found = socket.waitFor([1], () => (socket.send(question("a"))[0] === 3 ? 3 : undefined), {
    timeoutMs: 1000,
  });
  assert.equal(found, 3);
});

test("waitFor() gives up when the time is over", () => {
  const { socket, kernel } = socketTo((batch) => batch.map(({ sequence }) => ack(sequence)));
  assert.equal(
    socket.waitFor([1], () => undefined, { timeoutMs: 1 }),
    undefined,
  );
  assert.deepEqual(kernel.options.at(-1), [2, 1]);
});

test("a socket closes its channel", () => {
  const { socket, kernel } = socketTo(() => []);
  socket[Symbol.dispose]();
  assert.ok(kernel.isClosed);
});

test("an observer is told of every request of a batch, with its own errno, and of dumps", () => {
  const { socket } = socketTo((batch) =>
    batch.flatMap(({ sequence, type }, place) =>
      type === 18 ? [done(sequence)] : [ack(sequence, place === 1 ? Errno.EEXIST : 0)],
    ),
  );
  const told: string[] = [];
  const before = observe(({ kind, purpose, errno, batch }) =>
    told.push(`${kind} ${purpose} ${errno} ${batch}`),
  );
  try {
    failure(() => socket.send(change("a"), change("b"), change("c")));
    socket.send(change("d"));
    socket.dump(question("e"));
  } finally {
    observe(before);
  }
  socket.send(change("f"));
  assert.deepEqual(told, [
    "netlink a 0 1",
    `netlink b ${Errno.EEXIST} 1`,
    "netlink c 0 1",
    "netlink d 0 undefined",
    "netlink e 0 undefined",
  ]);
});
