/** Where a message bus is to be found (D-Bus specification, "Server Addresses"). */

import { encode } from "../sys/text.ts";

/** Where the system's bus is, if the environment does not say. */
const usual = "unix:path=/run/dbus/system_bus_socket";

/** AF_UNIX, linux/socket.h */
const family = 1;
/** sun_path of struct sockaddr_un, linux/un.h, less a NUL */
const longestPath = 107;

/** The socket addresses of the system's bus, each as struct sockaddr_un. Other kinds than unix sockets are passed over. */
export function systemBusAddresses(env: Readonly<Record<string, string>>): Uint8Array[] {
  return (env.DBUS_SYSTEM_BUS_ADDRESS || usual)
    .split(";")
    .filter((address) => address.startsWith("unix:"))
    .flatMap((address) => {
      const keys = new Map(address.slice("unix:".length).split(",").map(keyAndValue));
      const path = keys.get("path");
      const name = path ?? (keys.has("abstract") ? `\0${keys.get("abstract")}` : "");
      const bytes = encode(name);
      if (bytes.length === 0 || bytes.length > longestPath) return [];
      // A path ends with a NUL, an abstract name with the address.
      return [Uint8Array.of(family, 0, ...bytes, ...(path === undefined ? [] : [0]))];
    });
}

function keyAndValue(text: string): [string, string] {
  const [key = "", ...value] = text.split("=");
  return [key, unescapeValue(value.join("="))];
}

/** What is not plain stands as `%` and two hexadecimal digits. */
function unescapeValue(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
