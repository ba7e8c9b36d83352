/** The daemon killed, or without room, while a running container's lease changes: lease, interface and file come to agree. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  dhcpConfig,
  makeServerBridge,
  network,
  plugContainer,
  type Service,
  service,
  startDaemon,
  startDnsmasq,
  statusOf,
  until,
} from "./harness/dhcp.ts";
import { type Result, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { oursInWorld } from "./harness/world.ts";

const leaseFile = "/run/cni/dhcp-leases/net1@container-c1@eth0";
const swift = ["-timeout", "200ms", "-resendmax", "200ms"];

/** What the server gives the container, and which router it tells. */
interface Terms {
  readonly address: string;
  readonly router: string;
}

const usual: Terms = { address: `${network.prefix}.20`, router: `${network.prefix}.1` };
/** What becomes of a lease at its renewal: another router is told, or the address is refused and another one given. */
const others: Readonly<Record<string, Terms>> = {
  "another router": { ...usual, router: `${network.prefix}.2` },
  "another address": { ...usual, address: `${network.prefix}.30` },
};

/** A container with a lease on its interface, and a server whose terms can be changed; no daemon runs. */
class Scene {
  readonly host: Host;
  readonly #server: Service;

  private constructor(host: Host, server: Service) {
    this.host = host;
    this.#server = server;
  }

  static async withLease(probe: number, steps: (scene: Scene) => Promise<void>): Promise<void> {
    await withHost(async (host) => {
      await makeServerBridge(host);
      await host.addNetns("c1");
      await plugContainer(host);
      write(host, usual);
      const files = ["--dhcp-hostsfile=/run/hosts", "--dhcp-optsfile=/run/options"];
      const server = await startDnsmasq(host, files);
      const daemon = await startDaemon(host, swift);
      const config = dhcpConfig({ probe });
      const result: Result = resultOf(await host.cni("ADD", { plugin: "dhcp", config }));
      await host.runIn("c1", "ip", "address", "add", result.ips?.[0]?.address ?? "", "dev", "eth0");
      await host.runIn("c1", "ip", "route", "add", "default", "via", usual.router);
      await daemon.stop();
      await steps(new Scene(host, server));
      await server.stop();
    });
  }

  async offer(terms: Terms): Promise<void> {
    write(this.host, terms);
    const heard = () => this.#server.said().split("read /run/options").length;
    const before = heard();
    this.#server.running.kill("SIGHUP");
    await until("the server's new terms", () => heard() > before);
  }

  /** What the file says; its lease is to be renewed as soon as a daemon reads it. */
  makeDue(): void {
    const saved = this.saved();
    const lease = saved.clients[4]?.lease;
    assert.ok(lease, "the file has no lease");
    lease.renewAt = 0;
    this.host.write(leaseFile, JSON.stringify(saved));
  }

  saved(): Saved {
    return JSON.parse(readFileSync(this.host.outside(leaseFile), "utf8"));
  }

  /** What the interface has. */
  async onInterface(): Promise<Terms[]> {
    const [link] = await this.host.ip<{ addr_info: { local: string }[] }>(
      "c1",
      ...["-4", "address", "show", "dev", "eth0"],
    );
    const routes = await this.host.ip<{ dst: string; gateway?: string }>("c1", "-4", "route");
    const gateways = routes.filter(({ dst }) => dst === "default").map((it) => it.gateway ?? "");
    const addresses = (link?.addr_info ?? []).map(({ local }) => local);
    return addresses.map((address, at) => ({ address, router: gateways[at] ?? "" }));
  }

  /** A daemon at work, perhaps under strace, until the lease holds and nothing says otherwise. */
  async settle(what: string, wrap: readonly string[] = []): Promise<Terms> {
    const daemon = await startDaemon(this.host, swift, wrap);
    let seen: unknown;
    const terms = await until(
      `agreement ${what}`,
      async () => {
        // The error that is put in its way may hit the question.
        const status = await statusOf(this.host).catch(() => undefined);
        const lease = status?.attachments[0]?.leases[0];
        const saved = this.saved();
        const { address = 0, routers = [] } = saved.clients[4]?.lease ?? {};
        const filed = { address: dotted(address), router: dotted(routers[0] ?? 0) };
        const present = await this.onInterface();
        seen = { lease, filed, leaving: saved.leaving, present };
        const isHeld = lease?.phase === "bound" && lease.addresses[0] === `${filed.address}/24`;
        const isSame = JSON.stringify(present) === JSON.stringify([filed]);
        return isHeld && isSame && saved.leaving === undefined ? filed : undefined;
      },
      8_000,
    ).catch(async (error: Error) => {
      await endTraced(this.host, daemon);
      assert.fail(`${error.message}: ${JSON.stringify(seen)}\n${daemon.said()}`);
    });
    await endTraced(this.host, daemon);
    return terms;
  }
}

interface Saved {
  clients: Record<string, { lease?: { address: number; routers: number[]; renewAt: number } }>;
  leaving?: unknown;
}

function write(host: Host, { address, router }: Terms): void {
  host.write("/run/hosts", `02:00:00:00:00:05,${address}\n`);
  host.write("/run/options", `option:router,${router}\n`);
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** What changes something outside the daemon, or tells somebody. */
const weighty = ["renameat2", "write", "sendto", "openat"];

/** Ends a daemon, also one that strace has started. */
async function endTraced(host: Host, daemon: Service): Promise<void> {
  await host.run("sh", "-c", `pkill -TERM -P ${daemon.running.pid} || kill ${daemon.running.pid}`);
  await daemon.running.outcome;
}

/** Which calls of these names a daemon makes until the changed lease is kept, as strace prints them. */
async function traceRenewal({ host }: Scene, names: readonly string[]): Promise<string[]> {
  const trace = "/run/work/renewal-trace";
  const wrap = ["strace", "-qq", "-s200", "-o", trace, "-e", `trace=${names.join(",")}`];
  const daemon = await startDaemon(host, swift, wrap);
  await until("the change", () => daemon.said().includes("and put it on the interface"));
  await endTraced(host, daemon);
  return readFileSync(host.outside(trace), "utf8").split("\n");
}

/** The weighty calls from when the daemon listens until the changed lease is kept. */
async function pointsOf(
  scene: Scene,
  names = weighty,
): Promise<{ name: string; ordinal: number }[]> {
  const counts = new Map<string, number>();
  const points: { name: string; ordinal: number }[] = [];
  let listens = false;
  for (const line of await traceRenewal(scene, names)) {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined) continue;
    const ordinal = (counts.get(name) ?? 0) + 1;
    counts.set(name, ordinal);
    if (listens) points.push({ name, ordinal });
    if (line.includes("DHCP daemon listening")) listens = true;
  }
  return points;
}

for (const [what, changed] of Object.entries(others)) {
  test(`the daemon killed at every step of a renewal that brings ${what}`, () =>
    Scene.withLease(0, async (scene) => {
      let now = usual;
      const other = () => (JSON.stringify(now) === JSON.stringify(usual) ? changed : usual);
      await scene.offer(other());
      scene.makeDue();
      const points = await pointsOf(scene);
      now = await scene.settle("after nothing");
      assert.ok(points.length >= 6, `${points.length} points`);
      for (const { name, ordinal } of points) {
        await scene.offer(other());
        scene.makeDue();
        const inject = `inject=${name}:signal=SIGKILL:when=${ordinal}`;
        const wrap = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${name}`, "-e", inject];
        const argv = [...wrap, `${oursInWorld}/dhcp`, "daemon", ...swift];
        const dying = service(scene.host, argv, "/run/dying.log");
        await Promise.race([dying.running.outcome, sleep(5_000)]);
        await dying.stop("SIGKILL");
        // The server has changed its mind again: what the file does not say now, nobody will.
        await scene.offer(now);
        now = await scene.settle(`after ${name} ${ordinal}`);
      }
    }));
}

/** Without a descriptor for the last socket of its kind that the changed lease needs. */
async function settleWithout(scene: Scene, family: string): Promise<Terms> {
  await scene.offer(others["another address"] ?? usual);
  scene.makeDue();
  const sockets = (await traceRenewal(scene, ["socket"])).filter((line) => /^socket/.test(line));
  const ordinal = sockets.findLastIndex((line) => line.startsWith(`socket(${family}`)) + 1;
  assert.ok(ordinal > 0);
  await scene.offer(usual);
  scene.makeDue();
  const inject = ["-e", "trace=socket", "-e", `inject=socket:error=EMFILE:when=${ordinal}`];
  return scene.settle("later", ["strace", "-qq", "-o", "/dev/null", ...inject]);
}

test("the address of a running container is probed for later where there is no descriptor for it now", () =>
  Scene.withLease(20, async (scene) => {
    assert.deepEqual(await settleWithout(scene, "AF_PACKET"), usual);
  }));

test("the interface of a running container is changed later where there is no descriptor for it now", () =>
  Scene.withLease(0, async (scene) => {
    assert.deepEqual(await settleWithout(scene, "AF_NETLINK"), usual);
  }));

/** What a machine without room, or with a full or broken disk, has these calls fail with. */
const errors: Readonly<Record<string, string>> = {
  bind: "ENOMEM",
  epoll_ctl: "ENOMEM",
  openat: "EMFILE",
  recvmsg: "ENOMEM",
  renameat2: "EIO",
  sendto: "ENOBUFS",
  setns: "ENOMEM",
  setsockopt: "ENOMEM",
  socket: "EMFILE",
  statx: "ENOMEM",
  write: "ENOSPC",
};

test("an error at every system call of a renewal that brings another address: it is had all the same", () =>
  Scene.withLease(20, async (scene) => {
    const moved = others["another address"] ?? usual;
    let now = usual;
    const other = () => (now.address === usual.address ? moved : usual);
    await scene.offer(other());
    scene.makeDue();
    const points = await pointsOf(scene, Object.keys(errors));
    now = await scene.settle("after nothing");
    assert.ok(points.length > 40, `${points.length} points`);
    for (const { name, ordinal } of points) {
      await scene.offer(other());
      scene.makeDue();
      const inject = `inject=${name}:error=${errors[name]}:when=${ordinal}`;
      const wrap = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${name}`, "-e", inject];
      const settled = await scene.settle(`after ${name} ${ordinal}`, wrap);
      assert.deepEqual(settled, other(), `after ${name} ${ordinal}`);
      now = settled;
    }
  }));
