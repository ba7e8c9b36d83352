/** Against the kernel, in a network namespace made for it: what it prints says the same as what it lists. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { NetlinkSocket, Protocol } from "../netlink/socket.ts";
import { enterNewNetwork, skipUnlessRoot as skip } from "../sys/testing/new-network.ts";
import { findFlows } from "./find.ts";
import { countFlows, deleteFlow, dumpFlows, type Flow } from "./flow.ts";

const UDP = 17;

/** One UDP connection to each of these ports of both families, those of port 53 in a zone of their own. */
const crowd = (last: number) => `
ip link set lo up
nft 'add table inet t; add chain inet t c { type filter hook output priority -300; }; add rule inet t c udp dport 53 ct zone set 3'
nft 'add chain inet t d { type filter hook output priority 0; }; add rule inet t d ct state new accept'
bash -c 'for port in 53 $(seq 1001 ${last}); do for address in 127.0.0.1 ::1; do echo > /dev/udp/$address/$port; done; done' 2>&1
`;

/** What both ways of finding them tell, in the order of families and ports. */
function inOrder(flows: readonly Flow[]) {
  const place = ({ original }: Pick<Flow, "original">) =>
    1e6 * original.source.family + original.destinationPort;
  return flows
    .map(({ protocol, original, reply, zone }) => ({ protocol, original, reply, zone }))
    .sort((a, b) => place(a) - place(b));
}

for (const [title, last, isListed] of [
  ["few", 1003, false],
  ["some hundred", 1200, false],
  ["many", 1300, true],
] as const) {
  test(`connections are found by their ports and forgotten: ${title}`, { skip }, () => {
    enterNewNetwork();
    execFileSync("sh", ["-ec", crowd(last)], { stdio: "pipe" });
    using socket = NetlinkSocket.open(Protocol.netfilter);
    const ports = [new Set([53]), new Set([1002, 1003])];
    const listed = ([4, 6] as const).flatMap((family) =>
      socket
        .dump(dumpFlows({ family, protocol: UDP }))
        .filter(({ original }) => ports.some((some) => some.has(original.destinationPort))),
    );
    const found = findFlows(socket, { protocol: UDP, ports: { 4: ports, 6: ports } });
    assert.equal(found.length, 6);
    assert.equal(
      found.every(({ id }) => id !== undefined),
      isListed,
    );
    assert.deepEqual(inOrder(found), inOrder(listed));
    assert.equal(found.filter(({ zone }) => zone === 3).length, 2);
    const [before = 0] = socket.send(countFlows());
    for (const flow of found) socket.send(deleteFlow(flow));
    assert.deepEqual(socket.send(countFlows()), [before - 6]);
    assert.deepEqual(findFlows(socket, { protocol: UDP, ports: { 4: ports, 6: ports } }), []);
    assert.deepEqual(findFlows(socket, { protocol: 6, ports: { 4: ports, 6: ports } }), []);
  });
}
