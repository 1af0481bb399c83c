/* Terminals: whether one is raw. What the flags mean in detail is the business of
 * the front-end's terminal, which has three modes (FileSystem::SetTerminalMode). */
#ifndef _SYS_TERMIOS_H_
#define _SYS_TERMIOS_H_

typedef unsigned char cc_t;
typedef unsigned speed_t;
typedef unsigned tcflag_t;

#define NCCS 32

struct termios {
  tcflag_t c_iflag;
  tcflag_t c_oflag;
  tcflag_t c_cflag;
  tcflag_t c_lflag;
  cc_t c_cc[NCCS];
};

/* c_iflag */
#define BRKINT 0x2
#define ICRNL 0x100
#define INPCK 0x10
#define ISTRIP 0x20
#define IXON 0x400
/* c_oflag */
#define OPOST 0x1
#define ONLCR 0x4
/* c_cflag */
#define CS8 0x30
/* c_lflag */
#define ISIG 0x1
#define ICANON 0x2
#define ECHO 0x8
#define IEXTEN 0x8000
/* c_cc */
#define VTIME 5
#define VMIN 6

#define TCSANOW 0
#define TCSADRAIN 1
#define TCSAFLUSH 2

#ifdef __cplusplus
extern "C" {
#endif

void cfmakeraw(struct termios *mode);
int tcgetattr(int fd, struct termios *mode);
int tcsetattr(int fd, int when, const struct termios *mode);

#ifdef __cplusplus
}
#endif

#endif
