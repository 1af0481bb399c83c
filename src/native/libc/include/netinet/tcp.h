/* TCP's socket options. */
#ifndef _NETINET_TCP_H_
#define _NETINET_TCP_H_

#define TCP_NODELAY 1
#define TCP_MAXSEG 2
#define TCP_KEEPIDLE 4   /* seconds */
#define TCP_KEEPINTVL 5  /* seconds */
#define TCP_KEEPCNT 6

#endif
