/**
 * sctp through published ports, by packets: an INIT as a raw packet, since few kernels here have the protocol itself. What
 * arrives must go to the container's port, tell who sent it, and have a checksum that is right for the new port.
 */

import assert from "node:assert/strict";
import test from "node:test";
import { Chain, type Member } from "./harness/chain.ts";
import { describe } from "./harness/command.ts";
import { type Host, withHost } from "./harness/host.ts";
import { dualStack } from "./harness/networks.ts";
import { addOutside, outside } from "./harness/outside.ts";
import { assertPing } from "./harness/traffic.ts";

/** RFC 9260, 3.1 and 3.3.2, its checksum by RFC 9260, appendix A. */
const common = `
import socket, struct, sys
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
def raw(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_RAW, 132)
def checksum(packet):
    return struct.pack("<I", crc32c(packet[:8] + bytes(4) + packet[12:]))
`;

const send = `${common}
address, port = sys.argv[1], int(sys.argv[2])
init = struct.pack("!BBHIIHHI", 1, 0, 20, 0x1234, 65535, 1, 1, 1)
packet = struct.pack("!HHII", 5555, port, 0, 0) + init
raw(address).sendto(packet[:8] + checksum(packet) + packet[12:], (address, 0))
`;

const receive = `${common}
address = sys.argv[1]
taker = raw(address)
taker.settimeout(float(sys.argv[2]))
print("listening", flush=True)
try:
    packet, peer = taker.recvfrom(2000)
    packet = packet if ":" in address else packet[20:]
    source, port = struct.unpack("!HH", packet[:4])
    print(peer[0], source, port, "right" if checksum(packet) == packet[8:12] else "wrong")
except socket.timeout:
    print("nothing")
`;

/** What arrives in c1 of an INIT from another host. */
async function arrives(host: Host, [to, port]: readonly [string, number]): Promise<string> {
  const seconds = port === 9000 ? "10" : "0.5";
  const argv = ["python3", "-c", receive, to, seconds];
  const taker = host.start(argv, { netns: "c1" });
  await taker.printed("listening");
  await host.runIn("out", "python3", "-c", send, to, `${port}`);
  const outcome = await taker.outcome;
  assert.equal(outcome.status, 0, describe(outcome));
  return outcome.stdout.replace("listening\n", "").trim();
}

const bridge: Member = { type: "bridge", bridge: "cni0", isDefaultGateway: true, ipam: dualStack };

for (const backend of ["nftables", "iptables"]) {
  test(`${backend}: sctp comes to the container by its published port, and by no other`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      await addOutside(host);
      const portMappings = [{ protocol: "sctp", hostPort: 9000, containerPort: 90 }];
      const member = { type: "portmap", backend, runtimeConfig: { portMappings } };
      const chain = new Chain(host, [bridge, member], { netns: "c1" });
      await chain.add();
      await chain.check();
      await assertPing(host, "c1", outside[6].host);
      for (const family of [4, 6] as const) {
        const { host: to, peer } = outside[family];
        assert.equal(await arrives(host, [to, 9000]), `${peer} 5555 90 right`);
        assert.equal(await arrives(host, [to, 9001]), "nothing");
      }
      await chain.del();
    }));
}
