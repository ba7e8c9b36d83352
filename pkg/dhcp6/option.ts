/** DHCPv6 by number: messages, options, outcomes, https://www.iana.org/assignments/dhcpv6-parameters */

/** RFC 8415, 7.3 */
export const MessageType = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
} as const;

/** RFC 8415, 21; RFC 3646; RFC 4704; RFC 7083 */
export const Option = {
  clientId: 1,
  serverId: 2,
  iaNa: 3,
  iaAddress: 5,
  optionRequest: 6,
  preference: 7,
  elapsedTime: 8,
  statusCode: 13,
  rapidCommit: 14,
  userClass: 15,
  vendorClass: 16,
  dnsServers: 23,
  domainSearch: 24,
  informationRefreshTime: 32,
  clientFqdn: 39,
  solMaxRt: 82,
  infMaxRt: 83,
} as const;

/** RFC 8415, 21.13 */
export const StatusCode = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
} as const;

/** Options that the protocol itself sets: a configured value would break the exchange. */
export const ownOptions: readonly number[] = [
  Option.clientId,
  Option.serverId,
  Option.iaNa,
  Option.iaAddress,
  Option.optionRequest,
  Option.elapsedTime,
  Option.statusCode,
  Option.rapidCommit,
];
