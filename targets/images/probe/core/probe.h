/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_H
#define PROBE_H

#define PROBE_VERSION "1.0"
#define PROBE_PROTOCOL 1          /* of the frames and answers; a client refuses another one */

#endif
