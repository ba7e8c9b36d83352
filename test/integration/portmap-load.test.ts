/** Many chains at once while somebody else keeps changing the ruleset: none fails, and every rule is there, then none. */

import assert from "node:assert/strict";
import test from "node:test";
import { describe } from "./harness/command.ts";
import { withHost } from "./harness/host.ts";
import { type Config, gatewayConfig } from "./harness/networks.ts";

const many = 100;

/** The table is one that the chains change as well. */
const changing = (table: string) => `
echo changing
iptables -t ${table} -N FOREIGN
while :; do
  iptables -t ${table} -A FOREIGN -j RETURN; iptables -t ${table} -D FOREIGN 1
  nft 'add table ip foreign; add chain ip foreign c; add rule ip foreign c counter'
  nft delete table ip foreign; sleep 0.02
done
`;

/** The plugins of one container after each other, as a runtime calls them, in one shell. */
const chain = `
export CNI_CONTAINERID=box$1 CNI_NETNS=/run/netns/c$1 CNI_IFNAME=eth0 CNI_PATH=/run/ours CNI_COMMAND=ADD
bridge=$2 ports=$3 firewall=$4
if [ "$5" = ADD ]; then
  result=$(printf %s "$bridge" | /run/ours/bridge) || { echo "$result"; exit 1; }
  for plugin in portmap firewall; do
    [ $plugin = portmap ] && config=$ports || config=$firewall
    printf '%s,"prevResult":%s}' "\${config%?}" "$result" | /run/ours/$plugin >/run/work/$1 || { cat /run/work/$1; exit 1; }
  done
else
  export CNI_COMMAND=DEL
  printf %s "$firewall" | /run/ours/firewall && printf %s "$ports" | /run/ours/portmap && printf %s "$bridge" | /run/ours/bridge
fi
`;

type Backend = "iptables" | "nftables";

/** Of bridge, portmap and firewall, which half of the containers have by iptables and half by nftables. */
function configsOf(at: number, portmap: Backend): Config[] {
  const portMappings = [0, 1, 2].map((port) => ({
    protocol: port === 2 ? "udp" : "tcp",
    hostPort: 10000 + 10 * at + port,
    containerPort: 80 + port,
  }));
  const common = { cniVersion: "1.0.0", name: "net1" };
  const backend: Backend = at % 2 === 0 ? "iptables" : "nftables";
  return [
    gatewayConfig({ ...common, ipMasq: true }),
    { ...common, type: "portmap", backend: portmap, runtimeConfig: { portMappings } },
    { ...common, type: "firewall", backend, ingressPolicy: "same-bridge" },
  ];
}

/** What is found of published ports, and how often after all ADDs. */
const published: Readonly<Record<Backend, readonly [program: string, RegExp, number]>> = {
  nftables: ["nft list ruleset", /comment "box\d+"/g, 5 * many],
  // Per family a chain with three rules that lead to the container.
  iptables: ["iptables-save -t nat; ip6tables-save -t nat", /^:CNI-DN-|-j DNAT/gm, 8 * many],
};

for (const [portmap, table] of [
  ["nftables", "filter"],
  ["iptables", "nat"],
] as const) {
  test(`a hundred chains at once, portmap by ${portmap}, with other programs changing the ruleset all the time`, () =>
    withHost(async (host) => {
      await host.addNetns(...Array.from({ length: many }, (_, at) => `c${at}`));
      const foreign = host.start(["sh", "-c", changing(table)], { deadlineMs: 600_000 });
      await foreign.printed("changing");
      const all = async (verb: string) => {
        const runs = Array.from({ length: many }, (_, at) => {
          const configs = configsOf(at, portmap).map((config) => JSON.stringify(config));
          const argv = ["sh", "-c", chain, "chain", `${at}`, ...configs, verb];
          return host.start(argv, { deadlineMs: 290_000 }).outcome;
        });
        for (const outcome of await Promise.all(runs))
          assert.equal(outcome.status, 0, describe(outcome));
      };
      const [program, pattern, expected] = published[portmap];
      const count = async (wanted: RegExp, script = "nft list ruleset") =>
        (await host.run("sh", "-ec", script)).match(wanted)?.length ?? 0;
      try {
        await all("ADD");
        foreign.kill("SIGSTOP");
        assert.equal(await count(/masquerade comment "[0-9a-f]{16}-[0-9a-f]{16}, /g), 2 * many);
        assert.equal(await count(pattern, program), expected);
        assert.equal(
          await count(/saddr (10\.1\.|fd00:1:)\S+ (counter packets \d+ bytes \d+ )?accept/g),
          2 * many,
        );
        foreign.kill("SIGCONT");
        await all("DEL");
        assert.equal(await count(pattern, program), 0);
        assert.equal(await count(/comment "(box|[0-9a-f]{16}-)/g), 0);
        assert.equal(await count(/10\.1\.|fd00:1:|"cni0"/g), 0);
      } finally {
        foreign.kill("SIGKILL");
        await foreign.outcome;
      }
    }));
}
