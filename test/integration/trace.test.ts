/** CNI_TRACE and the key "trace": what they tell, what they keep to themselves, and that they stop nothing. */

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import test from "node:test";
import { readLines } from "../../pkg/trace/line.ts";
import { assertError, resultOf } from "./harness/expect.ts";
import { type Host, withHost } from "./harness/host.ts";
import { gatewayConfig, subnet4 } from "./harness/networks.ts";

const file = "/run/work/trace";
const env = { CNI_TRACE: file };
const ipam = { type: "host-local", subnet: subnet4 };
const config = gatewayConfig({ ipam });

function withContainer(steps: (host: Host) => Promise<void>): Promise<void> {
  return withHost(async (host) => {
    await host.addNetns("c1");
    await steps(host);
  });
}

function linesOf(host: Host) {
  return readLines(readFileSync(host.outside(file), "utf8"));
}

test("a trace tells of every step, in the plugin and in the one it delegates to", () =>
  withContainer(async (host) => {
    resultOf(await host.cni("ADD", { config, env: { ...env, TRACEPARENT: "00-11-22-01" } }));
    const lines = linesOf(host);
    const steps = lines.map(({ plugin, kind, purpose }) => `${plugin} ${kind} ${purpose}`);
    for (const step of [
      "bridge netlink create link cni0",
      "bridge sysctl set net/ipv4/ip_forward",
      "host-local file create /var/lib/cni/networks/net1/10.1.0.2",
      "host-local verb ADD",
      "bridge call call host-local ADD",
      "bridge verb ADD",
    ]) {
      assert.ok(steps.includes(step), `${step}\nis not in\n${steps.join("\n")}`);
    }
    for (const { network, containerId, ifName, verb, us } of lines) {
      const whose = [network, containerId, ifName, verb];
      assert.deepEqual(whose, ["net1", "container-c1", "eth0", "ADD"]);
      assert.ok(us >= 0);
    }
    assert.equal(lines.at(-1)?.traceparent, "00-11-22-01");
    assert.equal(statSync(host.outside(file)).mode & 0o777, 0o600);
  }));

test("a failure is told with its errno, and how it was taken back", () =>
  withContainer(async (host) => {
    const script = host.script("host-local", `echo '{"code": 11, "msg": "busy"}'; exit 1`);
    const reply = await host.cni("ADD", { config, env, path: script });
    assertError(reply, { code: 11, msg: "busy" });
    const lines = linesOf(host);
    const run = lines.find(({ purpose }) => purpose === `run ${script}/host-local ADD`);
    assert.equal(run?.failed, true);
    // It refused, so there is nothing to release; what came before it is taken back.
    assert.ok(!lines.some(({ purpose }) => purpose === `run ${script}/host-local DEL`));
    const undone = lines.slice(lines.findIndex(({ failed }) => failed === true));
    assert.ok(undone.some(({ purpose }) => /^delete link /.test(purpose ?? "")));
    assert.equal(lines.at(-1)?.code, 11);
  }));

test("no secret gets into a trace", () =>
  withContainer(async (host) => {
    const keys = { args: { cni: { labels: [{ key: "token", value: "hush" }] } } };
    const args = "IgnoreUnknown=1;TOKEN=hush";
    resultOf(await host.cni("ADD", { config: { ...config, ...keys }, args, env }));
    assert.ok(!readFileSync(host.outside(file), "utf8").includes("hush"));
  }));

test("the configuration may ask for a trace; the environment counts more", () =>
  withContainer(async (host) => {
    const traced = { ...config, trace: "/run/work/from-config" };
    resultOf(await host.cni("ADD", { config: traced }));
    const size = statSync(host.outside("/run/work/from-config")).size;
    await host.cni("DEL", { config: traced, env });
    assert.equal(statSync(host.outside("/run/work/from-config")).size, size);
    assert.equal(linesOf(host).at(-1)?.verb, "DEL");
    assertError(await host.cni("ADD", { config: { ...config, trace: 7 } }), {
      code: 7,
      msg: `invalid value for "trace": expected a path, got a number`,
    });
  }));

test("a trace that cannot be written stops nothing: one line on stderr", () =>
  withContainer(async (host) => {
    await host.run("mkfifo", "/run/work/pipe");
    for (const [path, why] of [
      ["/nowhere/trace", "no such file or directory"],
      ["/run/work/pipe", "no such device or address"],
    ]) {
      const reply = await host.cni("ADD", { config, env: { CNI_TRACE: path } });
      resultOf(reply);
      assert.match(reply.stderr, new RegExp(`^going on without a trace: open ${path}: ${why}\n$`));
      resultOf(await host.cni("ADD", { config, ifName: "eth1" }));
      for (const ifName of ["eth0", "eth1"]) await host.cni("DEL", { config, ifName });
    }
  }));

test("without a trace no file is made and no clock is read for it", () =>
  withContainer(async (host) => {
    const summary = async (more: Record<string, string>) => {
      const wrap = ["strace", "-f", "-c", "-o", "/run/work/calls"];
      resultOf(await host.cni("ADD", { config, wrap, env: more }));
      await host.cni("DEL", { config });
      const table = readFileSync(host.outside("/run/work/calls"), "utf8");
      return Number(/(\d+)\s+clock_gettime$/m.exec(table)?.[1] ?? 0);
    };
    await summary({});
    const off = await summary({});
    const on = await summary(env);
    assert.ok(off <= 4 && on > off + 10, `${off} without, ${on} with a trace`);
  }));

test("the trace context is handed to delegated plugins that are run", () =>
  withContainer(async (host) => {
    const script = host.script(
      "host-local",
      `env | grep -E '^(TRACEPARENT|TRACESTATE|BAGGAGE)=' | sort >/run/work/context
       echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.9/24"}]}'`,
    );
    const context = { BAGGAGE: "k=v", TRACEPARENT: "00-11-22-01", TRACESTATE: "a=b" };
    const own = gatewayConfig({ ipam, isDefaultGateway: false });
    resultOf(await host.cni("ADD", { config: own, env: context, path: script }));
    assert.equal(
      readFileSync(host.outside("/run/work/context"), "utf8"),
      "BAGGAGE=k=v\nTRACEPARENT=00-11-22-01\nTRACESTATE=a=b\n",
    );
  }));
