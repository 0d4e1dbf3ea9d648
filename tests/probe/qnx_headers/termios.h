/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TERMIOS_H
#define TERMIOS_H
typedef unsigned tcflag_t;
enum { BRKINT = 1, ICRNL = 2, IGNBRK = 4, IGNCR = 8, INLCR = 16, INPCK = 32, ISTRIP = 64, IXOFF = 128, IXON = 256,
       PARMRK = 512 };
enum { OPOST = 1 };
enum { ECHO = 1, ECHOE = 2, ECHOK = 4, ECHONL = 8, ICANON = 16, IEXTEN = 32, ISIG = 64 };
enum { VMIN, VTIME, NCCS };
enum { TCSANOW, TCSADRAIN };

struct termios {
    tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
    unsigned char c_cc[NCCS];
};

int tcgetattr(int file, struct termios *settings);
int tcsetattr(int file, int when, const struct termios *settings);
#endif
