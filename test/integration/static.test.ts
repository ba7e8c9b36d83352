/** static beside the reference's: the same addresses from the same sources, and the same words where there is none. */

import assert from "node:assert/strict";
import test from "node:test";
import { attach, detach } from "./harness/attachment.ts";
import { withoutNewReference } from "./harness/executables.ts";
import { assertError, assertSuccess } from "./harness/expect.ts";
import { type Call, withHost } from "./harness/host.ts";
import { bridgeConfig, type Config } from "./harness/networks.ts";
import { oursInWorld, referenceInWorld } from "./harness/world.ts";

const addresses = [{ address: "10.1.0.5/24", gateway: "10.1.0.1" }, { address: "fd00::5/64" }];

function call(ipam: Config | undefined, more: Config = {}, args?: string): Call {
  const config = {
    cniVersion: "1.1.0",
    name: "net1",
    ...(ipam === undefined ? {} : { ipam: { type: "static", ...ipam } }),
    ...more,
  };
  const given = { plugin: "static", config, containerId: "a", netns: "/run/netns/none" };
  return args === undefined ? given : { ...given, args };
}

const ips = (...list: string[]) => ({ args: { cni: { ips: list } } });
const runtimeIps = (...list: string[]) => ({ runtimeConfig: { ips: list } });
const routes = [
  { dst: "0.0.0.0/0" },
  { dst: "10.9.1.1/16", gw: "10.1.0.1", mtu: 1400, advmss: 1300, priority: 5, table: 0, scope: 0 },
  { dst: "FD00:0::/32", gw: "fd00::0:1" },
];
const dns = { nameservers: ["192.0.2.53"], domain: "d", search: ["s"], options: ["o"] };

/** The whole output of these is the reference's, byte for byte. */
const same: Record<string, Call> = {
  everything: call({ addresses, routes, dns }),
  nothing: call({}),
  "another spelling": call({ addresses: [{ address: "::FFFF:10.1.0.5/120", gateway: "" }] }),
  "an old version": call({ addresses, routes, dns }, { cniVersion: "0.2.0" }),
  "a route whose gateway is empty": call({ addresses, routes: [{ dst: "0.0.0.0/0", gw: "" }] }),
  "another old version": call({ addresses, routes }, { cniVersion: "0.4.0" }),
  "addresses in CNI_ARGS": call({ addresses }, {}, "IP= 10.3.0.9/24 , 10.2.0.9/24"),
  "a gateway in CNI_ARGS": call({}, {}, "IP=10.1.0.9/24;GATEWAY=10.1.0.1"),
  "addresses in args": call({ addresses }, ips("10.3.0.1/24", "fd00::1/64"), "IP=10.1.0.9/24"),
  "addresses of the runtime": call(
    { addresses },
    { ...ips("10.3.0.1/24"), ...runtimeIps("10.4.0.1/24") },
  ),
};

for (const [what, given] of Object.entries(same)) {
  test(`${what}: the reference's output`, { skip: withoutNewReference }, () =>
    withHost(async (host) => {
      const expected = await host.cni("ADD", { ...given, from: referenceInWorld });
      const actual = await host.cni("ADD", { ...given, from: oursInWorld });
      assert.deepEqual([actual.status, actual.stdout], [0, expected.stdout]);
    }),
  );
}

const wrong: Record<string, Call> = {
  "no ipam": call(undefined),
  "an address without prefix length": call({ addresses: [{ address: "10.1.0.5" }] }),
  "no address": call({ addresses: [{ gateway: "10.1.0.1" }] }),
  "leading zeros": call({ addresses: [{ address: "010.1.0.5/24" }] }),
  "a gateway that is none": call({ addresses: [{ address: "10.1.0.5/24", gateway: "x" }] }),
  "a route to nowhere": call({ addresses, routes: [{ dst: "x" }] }),
  "an argument that is none": call({}, {}, "IP=10.1.0.9"),
  "a list that ends with a comma": call({}, {}, "IP=10.1.0.9/24,"),
  "a gateway argument that is none": call({}, {}, "GATEWAY=x"),
  "an unknown argument": call({}, {}, "FOO=x"),
  "an entry of args that is none": call({}, ips("10.1.0.9")),
  "an entry of the runtime that is none": call({}, runtimeIps("10.1.0.9")),
  "two addresses of a family for an old version": call(
    { addresses: [{ address: "10.1.0.5/24" }, { address: "10.2.0.5/24" }] },
    { cniVersion: "0.1.0" },
  ),
};

for (const [what, given] of Object.entries(wrong)) {
  test(`${what}: refused in the reference's words`, { skip: withoutNewReference }, () =>
    withHost(async (host) => {
      const { json } = await host.cni("ADD", { ...given, from: referenceInWorld });
      const { msg } = json as { msg: string };
      assertError(await host.cni("ADD", given), { code: given.args === undefined ? 7 : 4, msg });
    }),
  );
}

test("a bridge gives its container static addresses, and CHECK sees to it that they stay", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const config = bridgeConfig({
      ipam: { type: "static", addresses, routes: [{ dst: "0.0.0.0/0" }] },
    });
    const attachment = await attach(host, { config });
    assertSuccess(await attachment.check());
    const onLink = await host.ip<{ addr_info: { local: string; prefixlen: number }[] }>(
      "c1",
      "addr",
      "show",
      "eth0",
    );
    const shown = onLink[0]?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`) ?? [];
    assert.ok(shown.includes("10.1.0.5/24") && shown.includes("fd00::5/64"), shown.join(" "));
    const changed = {
      ...config,
      prevResult: attachment.result,
      ipam: { type: "static", addresses: [{ address: "10.1.0.5/16" }] },
    };
    assertError(await attachment.check({ config: changed }), {
      code: 999,
      msg: "static: Failed to match addr 10.1.0.5 on interface eth0",
    });
    await detach(attachment);
  }));
