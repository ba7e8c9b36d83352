/** Addresses in attributes: of hardware, and of IP. */

import { type Address, fromBytes, toBytes } from "../ip/address.ts";
import { formatMac, parseMac } from "../ip/mac.ts";
import { be32, type Codec } from "./codec.ts";
import { WireError } from "./wire.ts";

/** A hardware address as text: `aa:bb:..`. */
export const macAddress: Codec<string> = {
  write(to, value) {
    const mac = parseMac(value);
    if (!mac) throw new WireError(`cannot encode the hardware address "${value}"`);
    to.append(mac);
  },
  read: (from, start, end) => formatMac(from.bytes.subarray(start, end)),
};

/** An IP address, its family by its length. */
export const ipAddress: Codec<Address> = {
  write(to, value) {
    if (value.family === 6) to.append(toBytes(value));
    else be32.write(to, Number(value.value), {});
  },
  read(from, start, end) {
    if (end - start === 4) return { family: 4, value: BigInt(be32.get(from, start)) };
    if (end - start !== 16) {
      throw new WireError(`cannot decode an address of ${end - start} bytes`);
    }
    return fromBytes(from.bytes.subarray(start, end));
  },
};
