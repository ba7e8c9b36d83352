/** Against the kernel, in a network namespace made for it; Debian's conntrack is the second pair of eyes. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { formatAddress } from "../ip/address.ts";
import { isNetlinkError } from "../netlink/error.ts";
import { NetlinkSocket, Protocol } from "../netlink/socket.ts";
import { Errno } from "../sys/errno.ts";
import { enterNewNetwork, skipUnlessRoot as skip } from "../sys/testing/new-network.ts";
import { countFlows, deleteFlow, dumpFlows } from "./flow.ts";

const UDP = 17;

const speak = `
ip link set lo up
nft 'add table inet t; add chain inet t c { type filter hook output priority 0; }; add rule inet t c ct state new accept'
for address in 127.0.0.1 ::1; do for port in 53 54; do
  bash -c "echo > /dev/udp/$address/$port"
done; done
`;

test("connections are listed by family, protocol and port, and forgotten one by one", {
  skip,
}, () => {
  enterNewNetwork();
  execFileSync("sh", ["-ec", speak], { stdio: "pipe" });
  using socket = NetlinkSocket.open(Protocol.netfilter);
  assert.deepEqual(socket.send(countFlows()), [4]);
  for (const family of [4, 6] as const) {
    const all = socket.dump(dumpFlows({ family, protocol: UDP }));
    assert.deepEqual(all.map(({ original }) => original.destinationPort).sort(), [53, 54]);
    const [flow, ...others] = socket.dump(
      dumpFlows({ family, protocol: UDP, destinationPort: 53 }),
    );
    assert.ok(flow);
    assert.deepEqual(others, []);
    assert.equal(formatAddress(flow.original.destination), family === 4 ? "127.0.0.1" : "::1");
    assert.equal(flow.reply.sourcePort, 53);
    assert.deepEqual(socket.dump(dumpFlows({ family, protocol: 6 })), []);
    socket.send(deleteFlow(flow));
    assert.throws(
      () => socket.send(deleteFlow(flow)),
      (error) => isNetlinkError(error, Errno.ENOENT),
    );
    assert.equal(socket.dump(dumpFlows({ family, protocol: UDP })).length, 1);
  }
  assert.deepEqual(socket.send(countFlows()), [2]);
  const listed = execFileSync("conntrack", ["-L"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.ok(!listed.includes("dport=53 "));
  assert.ok(listed.includes("dport=54 "));
});
