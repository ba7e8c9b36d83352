/** Brings up the container's loopback interface. */

import type { IpConfig } from "../../pkg/cni/result.ts";
import { formatAddress, isLoopback } from "../../pkg/ip/address.ts";
import { formatPrefix } from "../../pkg/ip/prefix.ts";
import { dumpAddresses } from "../../pkg/netlink/rtnetlink/address.ts";
import { getLink, setLink } from "../../pkg/netlink/rtnetlink/link.ts";
import type { Namespace } from "../../pkg/ns/namespace.ts";
import { definePlugin } from "../../pkg/skel/plugin.ts";

/** Every namespace has it, whatever CNI_IFNAME says. */
const lo = { name: "lo", index: 1 } as const;

export const loopback = definePlugin({
  name: "loopback",
  config: {},

  add({ container, prevResult, undo }) {
    const [{ up }] = container.send(getLink({ name: lo.name }));
    if (!up) {
      undo.push(() => container.send(setLink({ name: lo.name, up: false })));
      container.send(setLink({ name: lo.name, up: true }));
    }
    const ips = loopbackAddresses(container);
    if (prevResult !== undefined) return prevResult;
    return {
      interfaces: [{ name: lo.name, mac: "00:00:00:00:00:00", sandbox: container.path }],
      ips,
    };
  },

  check({ container }) {
    const [{ up }] = container.send(getLink({ name: lo.name }));
    if (!up) throw new Error("loopback interface is down");
  },

  del({ findContainer }) {
    findContainer()?.send(setLink({ name: lo.name, up: false }));
  },
});

/** The first address of each family. Throws for one that does not belong there. */
function loopbackAddresses(container: Namespace): IpConfig[] {
  const found: IpConfig[] = [];
  const families = new Set<number>();
  for (const { prefix } of container.socket.dump(dumpAddresses({ index: lo.index }))) {
    if (!isLoopback(prefix.address)) {
      const address = formatAddress(prefix.address);
      throw new Error(`loopback interface found with non-loopback address "${address}"`);
    }
    if (families.has(prefix.address.family)) continue;
    families.add(prefix.address.family);
    found.push({ address: formatPrefix(prefix), interface: 0 });
  }
  return found.sort((a, b) => Number(a.address.includes(":")) - Number(b.address.includes(":")));
}
