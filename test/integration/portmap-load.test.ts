/** Many chains at once while somebody else keeps changing the ruleset: none fails, and every rule is there, then none. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Member } from "./harness/chain.ts";
import { describe } from "./harness/command.ts";
import { withHost } from "./harness/host.ts";
import { gatewayConfig } from "./harness/networks.ts";

const many = 100;

const changing = `
echo changing
while :; do
  nft 'add table ip foreign; add chain ip foreign c; add rule ip foreign c counter'
  nft delete table ip foreign; sleep 0.02
done
`;

/** The three plugins of one container after each other, as a runtime calls them, in one shell. */
const chain = `
export CNI_CONTAINERID=box$1 CNI_NETNS=/run/netns/c$1 CNI_IFNAME=eth0 CNI_PATH=/run/ours CNI_COMMAND=ADD
bridge=$2 ports=$3
if [ "$4" = ADD ]; then
  result=$(printf %s "$bridge" | /run/ours/bridge) || { echo "$result"; exit 1; }
  printf '%s,"prevResult":%s}' "\${ports%?}" "$result" | /run/ours/portmap >/run/work/$1 || { cat /run/work/$1; exit 1; }
else
  export CNI_COMMAND=DEL
  printf %s "$ports" | /run/ours/portmap && printf %s "$bridge" | /run/ours/bridge
fi
`;

test("a hundred chains at once, with another program changing the ruleset all the time", () =>
  withHost(async (host) => {
    await host.addNetns(...Array.from({ length: many }, (_, at) => `c${at}`));
    const bridge = JSON.stringify(gatewayConfig({ cniVersion: "1.0.0", ipMasq: true }));
    const foreign = host.start(["sh", "-c", changing], { deadlineMs: 110_000 });
    await foreign.printed("changing");
    const all = async (verb: string) => {
      const runs = Array.from({ length: many }, (_, at) => {
        const portMappings = [0, 1, 2].map((port) => ({
          protocol: port === 2 ? "udp" : "tcp",
          hostPort: 10000 + 10 * at + port,
          containerPort: 80 + port,
        }));
        const member: Member = { type: "portmap", runtimeConfig: { portMappings } };
        const ports = JSON.stringify({ cniVersion: "1.0.0", name: "net1", ...member });
        const argv = ["sh", "-c", chain, "chain", `${at}`, bridge, ports, verb];
        return host.start(argv, { deadlineMs: 100_000 }).outcome;
      });
      for (const outcome of await Promise.all(runs))
        assert.equal(outcome.status, 0, describe(outcome));
    };
    const count = async (pattern: RegExp) =>
      (await host.run("nft", "list", "ruleset")).match(pattern)?.length ?? 0;
    try {
      await all("ADD");
      foreign.kill("SIGSTOP");
      assert.equal(await count(/masquerade comment "[0-9a-f]{16}-[0-9a-f]{16}, /g), 2 * many);
      assert.equal(await count(/comment "box\d+"/g), 5 * many);
      foreign.kill("SIGCONT");
      await all("DEL");
      assert.equal(await count(/comment "(box|[0-9a-f]{16}-)/g), 0);
    } finally {
      foreign.kill("SIGKILL");
      await foreign.outcome;
    }
  }));
