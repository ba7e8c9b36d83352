import assert from "node:assert/strict";
import test from "node:test";
import { type Delegation, Ipam } from "./ipam.ts";

const delegation: Delegation = {
  type: "",
  env: { CNI_PATH: "/nowhere" },
  stdin: "{}",
  cniVersion: "1.0.0",
  builtIn: {},
  cancelFd: -1,
  onStderr: () => {},
};

test("Ipam without a type gives nothing and does nothing", () => {
  const ipam = new Ipam(delegation);
  const steps: (() => void)[] = [];
  assert.equal(ipam.configured, false);
  assert.deepEqual(
    ipam.add((step) => steps.push(step)),
    { cniVersion: "1.0.0" },
  );
  assert.equal(steps.length, 0);
  for (const verb of ["check", "del", "gc", "status"] as const) ipam[verb]();
});

test("Ipam does not call what is built in unless CNI_PATH leads to an executable of the build", () => {
  const builtIn = { "host-local": () => assert.fail("it was called") };
  const ipam = new Ipam({ ...delegation, type: "host-local", builtIn });
  assert.throws(() => ipam.check(), {
    message: 'failed to find plugin "host-local" in path [/nowhere]',
  });
});

test("Ipam knows how to release before it runs a plugin, which may die half-way", () => {
  const ipam = new Ipam({ ...delegation, env: { CNI_PATH: "/bin" }, type: "false" });
  const steps: (() => void)[] = [];
  assert.throws(() => ipam.add((step) => steps.push(step)), /netplugin failed/);
  assert.equal(steps.length, 1);
});
