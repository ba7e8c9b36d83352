/** libcni on Node, beside cnitool: the example of its README, and caches that either can take over. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import nodeTest from "node:test";
import { describe, type Outcome } from "./harness/command.ts";
import { type Host, withHost } from "./harness/host.ts";
import { dualStack } from "./harness/networks.ts";
import {
  cached,
  configDirectory,
  containerId,
  type Runtime,
  succeed,
  withoutReferenceTool,
  writeNetwork,
} from "./harness/runtime.ts";
import { oursInWorld } from "./harness/world.ts";

const root = resolve(import.meta.dirname, "../..");
const library = join(root, "libcni/node.ts");
const bridge = { type: "bridge", isDefaultGateway: true, ipam: dualStack };
const compared = (name: string, body: () => Promise<void>) =>
  nodeTest(name, { skip: withoutReferenceTool }, body);

/** Runs a program that imports "tscni/libcni", on Node in the host's world. */
function runProgram(host: Host, text: string): Promise<Outcome> {
  const program = host.write("/run/program.mts", text.replace("tscni/libcni", library));
  const loader = import.meta.resolve("tsx");
  return host.start([process.execPath, "--import", loader, program]).outcome;
}

nodeTest("the example of libcni's README runs", () =>
  withHost(async (host) => {
    await host.addNetns("web-1");
    writeNetwork(host, [bridge], { name: "mynet" });
    const readme = readFileSync(join(root, "libcni/README.md"), "utf8");
    const [, example = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
    const fitted = example
      .replace("/opt/cni/bin", oursInWorld)
      .replace("/etc/cni/net.d", configDirectory);
    const outcome = await runProgram(host, fitted);
    assert.equal(outcome.status, 0, describe(outcome));
    assert.equal(outcome.stdout, "10.1.0.2/24 fd00:1::2/64\n");
    assert.equal((await host.ip("", "link", "show", "type", "veth")).length, 0);
  }),
);

for (const tool of ["ours", "reference"] as const) {
  compared(
    `libcni on Node and ${tool === "ours" ? "our" : "the reference's"} cnitool take over from each other`,
    () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        writeNetwork(host, [bridge]);
        const runtime: Runtime = { tool, path: oursInWorld };
        const attachment = `{ containerId: "${containerId}", netns: "/run/netns/c1", ifName: "eth0" }`;
        const program = (...verbs: string[]) => `
        import { openLibcni } from "tscni/libcni";
        const cni = openLibcni({ pluginDirs: ["${oursInWorld}"] });
        const list = await cni.load("net1", "${configDirectory}");
        const attachment = ${attachment};
        ${verbs.map((verb) => `await cni.${verb}(list, attachment);`).join("\n")}
        for (const { network, result } of await cni.cachedAttachments()) {
          console.log(network, result?.ips?.length);
        }`;

        const added = await runProgram(host, program("add"));
        assert.equal(added.status, 0, describe(added));
        assert.equal(added.stdout, "net1 2\n");
        await succeed(host, runtime, "check");
        await succeed(host, runtime, "del");
        assert.equal(cached(host), undefined);

        await succeed(host, runtime, "add");
        const deleted = await runProgram(host, program("check", "del"));
        assert.equal(deleted.status, 0, describe(deleted));
        assert.equal(deleted.stdout, "");
        assert.equal(cached(host), undefined);
      }),
  );
}
