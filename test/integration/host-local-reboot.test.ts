/** What host-local does when the machine was started again, or the runtime was: nothing stays reserved for nobody. */

import assert from "node:assert/strict";
import test from "node:test";
import { withoutReference } from "./harness/executables.ts";
import { assertError, assertSuccess, resultOf } from "./harness/expect.ts";
import { type Call, type Host, withHost } from "./harness/host.ts";
import { gatewayConfig, hostLocalConfig } from "./harness/networks.ts";
import { readReservations } from "./harness/snapshot.ts";
import { referenceInWorld } from "./harness/world.ts";
import { type Identity, pretend } from "./host-local-identity.ts";

const small = { ranges: [[{ subnet: "10.1.0.0/29" }]] };
/** A world that says which machine it is and which boot this is. */
function withIdentity(steps: (host: Host, identity: Identity) => Promise<void>): Promise<void> {
  return withHost(async (host) => steps(host, await pretend(host)));
}

function call(containerId: string, changes: Partial<Call> = {}): Call {
  const config = hostLocalConfig(small, { cniVersion: "1.0.0" });
  return { plugin: "host-local", config, containerId, netns: "/run/netns/none", ...changes };
}

async function add(host: Host, given: Call): Promise<string> {
  return resultOf(await host.cni("ADD", given)).ips?.[0]?.address ?? "";
}

test("a full range is free again after a boot, and who comes back gets the address it had", () =>
  withIdentity(async (host, identity) => {
    const names = ["a", "b", "c", "d", "e"];
    const before = [];
    for (const id of names) before.push(await add(host, call(id)));
    assertError(await host.cni("ADD", call("f")), { code: 999, msg: /no IP addresses available/ });
    identity.setBoot(2);
    const after = [];
    for (const id of names.toReversed()) after.push(await add(host, call(id)));
    assert.deepEqual(after.toReversed(), before);
  }));

test(
  "what the reference reserved, or another machine, is not taken back",
  { skip: withoutReference },
  () =>
    withIdentity(async (host, identity) => {
      await add(host, call("ours"));
      await add(host, call("reference", { from: referenceInWorld }));
      identity.setMachine(2);
      identity.setBoot(2);
      await add(host, call("elsewhere"));
      identity.setMachine(1);
      identity.setBoot(3);
      assertSuccess(await host.cni("DEL", call("nobody")));
      assert.deepEqual(readReservations(host), [
        "net1/10.1.0.3 reference eth0",
        "net1/10.1.0.4 elsewhere eth0",
      ]);
    }),
);

test("with reclaim off a boot changes nothing", () =>
  withIdentity(async (host, identity) => {
    const config = hostLocalConfig({ ...small, reclaim: "off" });
    await add(host, call("a", { config }));
    identity.setBoot(2);
    assertError(await host.cni("ADD", call("a", { config })), {
      code: 999,
      msg: /10\.1\.0\.2 has been allocated to a, duplicate allocation is not allowed/,
    });
  }));

test("a container whose namespace was lost starts again with its addresses", () =>
  withHost(async (host) => {
    await host.addNetns("c1", "c2");
    const config = gatewayConfig();
    const given = { config, containerId: "restarted" };
    const first = resultOf(await host.cni("ADD", { ...given, netns: "c1" })).ips;
    // Asked directly: a bridge whose IPAM fails calls its DEL, as the specification has it.
    assertError(await host.cni("ADD", { ...given, plugin: "host-local", netns: "c2" }), {
      code: 999,
      msg: /duplicate allocation is not allowed/,
    });
    // As after a crash of the runtime: no DEL.
    await host.deleteNetns("c1");
    assert.deepEqual(resultOf(await host.cni("ADD", { ...given, netns: "c2" })).ips, first);
    assertSuccess(await host.cni("DEL", { ...given, netns: "c2" }));
    assert.deepEqual(readReservations(host), []);
  }));
