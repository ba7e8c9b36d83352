/** DHCP options: their numbers, and the names configurations may call them by. */

/** RFC 2132 and later: https://www.iana.org/assignments/bootp-dhcp-parameters */
export const Option = {
  pad: 0,
  subnetMask: 1,
  routers: 3,
  domainNameServers: 6,
  hostName: 12,
  domainName: 15,
  interfaceMtu: 26,
  staticRoutes: 33,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverId: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientId: 61,
  userClass: 77,
  rapidCommit: 80,
  clientFqdn: 81,
  domainSearch: 119,
  classlessRoutes: 121,
  classlessRoutesMicrosoft: 249,
  end: 255,
} as const;

/** RFC 2132, 9.6 */
export const MessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** The first six are the reference's names; the others are spelled as dhcp-options(5) spells them. */
const byName: Readonly<Record<string, number>> = {
  "dhcp-client-identifier": 61,
  "subnet-mask": 1,
  routers: 3,
  "host-name": 12,
  "user-class": 77,
  "vendor-class-identifier": 60,
  "time-offset": 2,
  "domain-name-servers": 6,
  "domain-name": 15,
  "interface-mtu": 26,
  "broadcast-address": 28,
  "static-routes": 33,
  "ntp-servers": 42,
  "vendor-encapsulated-options": 43,
  "dhcp-lease-time": 51,
  "dhcp-message": 56,
  "dhcp-renewal-time": 58,
  "dhcp-rebinding-time": 59,
  "tftp-server-name": 66,
  "bootfile-name": 67,
  "rapid-commit": 80,
  fqdn: 81,
  "relay-agent-information": 82,
  "domain-search": 119,
  "classless-static-routes": 121,
};

/** An option by its name or its decimal number; undefined for anything else. */
export function parseOption(text: string): number | undefined {
  if (Object.hasOwn(byName, text)) return byName[text];
  if (!/^[0-9]{1,3}$/.test(text)) return undefined;
  const number = Number(text);
  return number <= 255 ? number : undefined;
}

/** Options that the protocol itself sets: a configured value would break the exchange. */
export const ownOptions: readonly number[] = [
  Option.pad,
  Option.requestedAddress,
  Option.overload,
  Option.messageType,
  Option.serverId,
  Option.parameterRequestList,
  Option.maximumMessageSize,
  Option.end,
];
