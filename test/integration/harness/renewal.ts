/** A running container's DHCP lease at its renewal, in either family, and a daemon that dies or lacks room meanwhile. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  dhcpConfig,
  plugContainer,
  type Service,
  service,
  startDaemon,
  statusOf,
  until,
} from "./dhcp.ts";
import { type Result, resultOf } from "./expect.ts";
import { type Host, withHost } from "./host.ts";
import type { Config } from "./networks.ts";
import { oursInWorld } from "./world.ts";

const leaseFile = "/run/cni/dhcp-leases/net1@container-c1@eth0";
const swift = ["-timeout", "200ms", "-resendmax", "200ms"];

/** What the server gives the container, and which router it has. */
export interface Terms {
  readonly address: string;
  readonly router: string;
}

/** What a lease file says of one family's client. */
export interface SavedClient {
  lease?: { address: number; addresses: string[]; routers: number[]; renewAt: number };
  routers?: { address: string }[];
}

/** What is different between the families. */
export interface Manner {
  readonly family: 4 | 6;
  readonly usual: Terms;
  /** Makes br0 with the server's address. */
  readonly makeBridge: (host: Host) => Promise<void>;
  /** Starts a server with these terms. */
  readonly serve: (host: Host, terms: Terms) => Promise<Service>;
  /** Has the server offer others; the value is what serves from then on. */
  readonly change: (host: Host, server: Service, terms: Terms) => Promise<Service>;
  readonly filed: (client: SavedClient) => Terms;
}

interface Saved {
  clients: Record<string, SavedClient>;
  leaving?: unknown;
}

/** A container with a lease on its interface, and a server whose terms can be changed; no daemon runs. */
export class Scene {
  readonly host: Host;
  readonly manner: Manner;
  #server: Service;

  private constructor(host: Host, manner: Manner, server: Service) {
    this.host = host;
    this.manner = manner;
    this.#server = server;
  }

  static async withLease(
    manner: Manner,
    probe: number,
    steps: (scene: Scene) => Promise<void>,
  ): Promise<void> {
    await withHost(async (host) => {
      await manner.makeBridge(host);
      await host.addNetns("c1");
      await plugContainer(host);
      const server = await manner.serve(host, manner.usual);
      const daemon = await startDaemon(host, swift);
      const ipam: Config = { probe, family: `${manner.family}` };
      const config = dhcpConfig(ipam);
      const result: Result = resultOf(await host.cni("ADD", { plugin: "dhcp", config }));
      const scene = new Scene(host, manner, server);
      await scene.#configure(result.ips?.[0]?.address ?? "");
      await daemon.stop();
      await steps(scene);
      await scene.#server.stop();
    });
  }

  /** As the plugin that asked for the lease would. */
  async #configure(address: string): Promise<void> {
    const { family, usual } = this.manner;
    const noDad = family === 6 ? ["nodad"] : [];
    const ip = (...argv: string[]) => this.host.runIn("c1", "ip", `-${family}`, ...argv);
    await ip("address", "add", address, "dev", "eth0", ...noDad);
    await ip("route", "add", "default", "via", usual.router, "dev", "eth0");
  }

  async offer(terms: Terms): Promise<void> {
    this.#server = await this.manner.change(this.host, this.#server, terms);
  }

  /** What the file says; its lease is to be renewed as soon as a daemon reads it. */
  makeDue(): void {
    const saved = this.#saved();
    const lease = saved.clients[this.manner.family]?.lease;
    assert.ok(lease, "the file has no lease");
    lease.renewAt = 0;
    this.host.write(leaseFile, JSON.stringify(saved));
  }

  #saved(): Saved {
    return JSON.parse(readFileSync(this.host.outside(leaseFile), "utf8"));
  }

  /** What the interface has. */
  async #onInterface(): Promise<Terms[]> {
    const family = `-${this.manner.family}`;
    const [link] = await this.host.ip<{ addr_info: { local: string; scope: string }[] }>(
      "c1",
      ...[family, "address", "show", "dev", "eth0"],
    );
    const routes = await this.host.ip<{ dst: string; gateway?: string }>("c1", family, "route");
    const gateways = routes.filter(({ dst }) => dst === "default").map((it) => it.gateway ?? "");
    const addresses = (link?.addr_info ?? []).filter(({ scope }) => scope === "global");
    return addresses.map(({ local: address }, at) => ({ address, router: gateways[at] ?? "" }));
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
        const saved = this.#saved();
        const filed = this.manner.filed(saved.clients[this.manner.family] ?? {});
        const present = await this.#onInterface();
        seen = { lease, filed, leaving: saved.leaving, present };
        const isHeld =
          lease?.phase === "bound" && lease.addresses[0]?.startsWith(`${filed.address}/`);
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

/** Ends a daemon, also one that strace has started. */
async function endTraced(host: Host, daemon: Service): Promise<void> {
  await host.run("sh", "-c", `pkill -TERM -P ${daemon.running.pid} || kill ${daemon.running.pid}`);
  await daemon.running.outcome;
}

/** Which calls of these names a daemon makes until the changed lease is kept, as strace prints them. */
export async function traceRenewal({ host }: Scene, names: readonly string[]): Promise<string[]> {
  const trace = "/run/work/renewal-trace";
  const wrap = ["strace", "-qq", "-s200", "-o", trace, "-e", `trace=${names.join(",")}`];
  const daemon = await startDaemon(host, swift, wrap);
  await until("the change", () => daemon.said().includes("and put it on the interface"));
  await endTraced(host, daemon);
  return readFileSync(host.outside(trace), "utf8").split("\n");
}

/** One call of a daemon, the `ordinal`th of its name. */
export interface Point {
  readonly name: string;
  readonly ordinal: number;
}

/** The calls of these names from when the daemon listens until the changed lease is kept. */
async function pointsOf(scene: Scene, names: readonly string[]): Promise<Point[]> {
  const counts = new Map<string, number>();
  const points: Point[] = [];
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

/** A renewal that brings other terms, and faults at each of its calls of these names. */
export interface Sweep {
  readonly manner: Manner;
  readonly probe: number;
  readonly changed: Terms;
  readonly names: readonly string[];
  /** How many calls there are at least: with fewer, strace saw something else. */
  readonly least: number;
  /** Has the fault happen. `now` is what the container has, `other` what it is offered; the value is what it has then. */
  readonly step: (
    scene: Scene,
    point: Point,
    terms: { readonly now: Terms; readonly other: Terms },
  ) => Promise<Terms>;
}

/** Most of a sweep is waiting: its points are shared out among so many scenes. */
const scenes = 3;

export async function sweepRenewal(sweep: Sweep): Promise<void> {
  const parts = Array.from({ length: scenes }, (_, part) =>
    Scene.withLease(sweep.manner, sweep.probe, (scene) => sweepPart(scene, sweep, part)),
  );
  for (const outcome of await Promise.allSettled(parts)) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}

async function sweepPart(scene: Scene, sweep: Sweep, part: number): Promise<void> {
  const { usual } = scene.manner;
  let now = usual;
  const other = () => (JSON.stringify(now) === JSON.stringify(usual) ? sweep.changed : usual);
  await scene.offer(other());
  scene.makeDue();
  const points = await pointsOf(scene, sweep.names);
  now = await scene.settle("after nothing");
  assert.ok(points.length >= sweep.least, `${points.length} points`);
  for (const point of points.filter((_, at) => at % scenes === part)) {
    await scene.offer(other());
    scene.makeDue();
    now = await sweep.step(scene, point, { now, other: other() });
  }
}

/** Puts a fault upon a call of what is started with it. */
export function faultAt({ name, ordinal }: Point, fault: string): string[] {
  const inject = `inject=${name}:${fault}:when=${ordinal}`;
  return ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${name}`, "-e", inject];
}

/** A daemon that is killed by what it is started with; one that is not is killed after a while. */
export async function letDie({ host }: Scene, wrap: readonly string[]): Promise<void> {
  const dying = service(
    host,
    [...wrap, `${oursInWorld}/dhcp`, "daemon", ...swift],
    "/run/dying.log",
  );
  await Promise.race([dying.running.outcome, sleep(5_000)]);
  await dying.stop("SIGKILL");
}
