import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { getLink, newLink } from "../netlink/rtnetlink/link.ts";
import { readLink } from "../sys/file.ts";
import { enterNewNetwork } from "../sys/testing/new-network.ts";
import { Namespace, NoNamespaceError } from "./namespace.ts";

const folder = mkdtempSync(join(tmpdir(), "tscni-ns-"));
const path = join(folder, "other");

test.before(() => {
  if (process.getuid?.() !== 0) throw new Error("these tests make namespaces: run them as root");
  writeFileSync(path, "");
  execFileSync("unshare", [`--net=${path}`, "true"]);
  // This thread alone goes into a namespace of its own.
  enterNewNetwork();
});

test.after(() => {
  execFileSync("umount", [path]);
  rmSync(folder, { recursive: true });
});

test("a namespace's socket works inside it, wherever the process is", () => {
  using home = Namespace.own();
  using other = Namespace.open(path, home);
  other.send(newLink({ kind: "bridge", name: "inside" }));
  assert.equal(other.send(getLink({ name: "inside" }))[0].kind, "bridge");
  assert.throws(() => home.send(getLink({ name: "inside" })), /find link inside: no such device/);
});

test("its own namespace opens as well where the kernel refuses the quick way", () => {
  using home = Namespace.own();
  // Without CAP_NET_ADMIN a process is not told the namespace of a socket.
  const script = `
    import { Namespace } from ${JSON.stringify(join(import.meta.dirname, "namespace.ts"))};
    import { readLink } from ${JSON.stringify(join(import.meta.dirname, "../sys/file.ts"))};
    import { getLink } from ${JSON.stringify(join(import.meta.dirname, "../netlink/rtnetlink/link.ts"))};
    using own = Namespace.own();
    console.log(readLink("/proc/self/fd/" + own.fd), own.send(getLink({ name: "lo" }))[0].index);`;
  const file = join(folder, "own.mts");
  writeFileSync(file, script);
  const weak = ["setpriv", "--inh-caps=-all", "--bounding-set=-net_admin"];
  const [quick, slow] = [[], weak].map((before) => {
    const [program = "", ...args] = [...before, process.execPath, "--import", "tsx", file];
    return execFileSync(program, args, { encoding: "utf8" }).trim();
  });
  assert.match(quick ?? "", /^net:\[\d+\] 1$/);
  assert.equal(slow, quick);
  assert.equal(`${readLink(`/proc/self/fd/${home.fd}`)} 1`, quick);
});

test("a namespace leaves no descriptor behind, whether its socket was used or not", () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const before = count();
  for (const isUsed of [false, true, false]) {
    using home = Namespace.own();
    using other = Namespace.open(path, home);
    if (isUsed) for (const it of [home, other]) it.send(getLink({ name: "lo" }));
  }
  assert.equal(count(), before);
});

test("run comes home after a failure too", () => {
  using home = Namespace.own();
  using other = Namespace.open(path, home);
  const fail = () => {
    using here = Namespace.own();
    assert.ok(here.isSame(other));
    throw new Error("in there");
  };
  assert.throws(() => other.run(fail), /in there/);
  using now = Namespace.own();
  assert.ok(now.isSame(home));
});

test("run refuses to go from one namespace to another, and home; to where the process is, it does not", () => {
  const third = join(folder, "third");
  writeFileSync(third, "");
  execFileSync("unshare", [`--net=${third}`, "true"]);
  try {
    using home = Namespace.own();
    using other = Namespace.open(path, home);
    using again = Namespace.open(path, home);
    using beyond = Namespace.open(third, home);
    assert.equal(
      other.run(() => again.run(() => "inside")),
      "inside",
    );
    const message = /^cannot enter .*third from within .*other$/;
    assert.throws(() => other.run(() => beyond.run(() => {})), { message });
    // Home's socket is home's, also when it is wanted elsewhere first.
    const inside = /find link inside: no such device/;
    assert.throws(() => other.run(() => home.send(getLink({ name: "inside" }))), inside);
    assert.equal(
      beyond.run(() => "later"),
      "later",
    );
    using now = Namespace.own();
    assert.ok(now.isSame(home));
  } finally {
    execFileSync("umount", [third]);
  }
});

test("two paths to one namespace are the same, two namespaces are not", () => {
  using home = Namespace.own();
  using other = Namespace.open(path, home);
  using again = Namespace.open(`${folder}/../${folder.split("/").pop()}/other`, home);
  assert.ok(again.isSame(other));
  assert.ok(!other.isSame(home));
});

test("exclusively keeps a second holder waiting until its patience ends", () => {
  using home = Namespace.own();
  using same = Namespace.own();
  home.exclusively({ timeoutMs: 1000 }, () => {
    assert.throws(() => same.exclusively({ timeoutMs: 20 }, () => {}), /timed out/);
  });
  assert.equal(
    same.exclusively({ timeoutMs: 20 }, () => "free"),
    "free",
  );
});

test("shared work goes on side by side, and excludes exclusive work", () => {
  using home = Namespace.own();
  using same = Namespace.own();
  home.shared({ timeoutMs: 1000 }, () => {
    assert.equal(
      same.shared({ timeoutMs: 20 }, () => "beside"),
      "beside",
    );
    assert.throws(() => same.exclusively({ timeoutMs: 20 }, () => {}), /timed out/);
  });
});

const nowhere = [
  { path: "/no/such", message: 'failed to Statfs "/no/such": no such file or directory' },
  { path: "", message: 'failed to Statfs "": no such file or directory' },
  { path: "/dev/null/x", message: 'failed to Statfs "/dev/null/x": not a directory' },
];

for (const { path: wrong, message } of nowhere) {
  test(`open says that "${wrong}" is no namespace, and find gives nothing`, () => {
    using home = Namespace.own();
    assert.throws(() => Namespace.open(wrong, home), { name: "NoNamespaceError", message });
    assert.equal(Namespace.find(wrong, home), undefined);
  });
}

test("open refuses a plain file and tells its file system", () => {
  using home = Namespace.own();
  const plain = join(folder, "plain");
  writeFileSync(plain, "");
  assert.throws(() => Namespace.open(plain, home), NoNamespaceError);
  assert.throws(() => Namespace.open(plain, home), /^.*unknown FS magic on ".*plain": [0-9a-f]+$/);
});

test("open refuses a pipe at once, without waiting for a writer", () => {
  using home = Namespace.own();
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  assert.throws(() => Namespace.open(pipe, home), NoNamespaceError);
});
