/** What can be listened to. */

/** RTNLGRP_*, linux/rtnetlink.h: for NetlinkSocket.waitFor */
export const RouteGroup = {
  link: 1,
  neighbour: 3,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv4Rule: 8,
  ipv6Address: 9,
  ipv6Route: 11,
  ipv6Rule: 19,
} as const;
