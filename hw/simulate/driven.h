/* What `driven.cpp` and a host program in C know of each other. */
#ifndef DRIVEN_H
#define DRIVEN_H

#include "parc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The host's: what a processor does with the accelerator; its result is the program's. */
int parc_host(const struct parc_bus *bus, const struct parc_memory *memory, int argc, char **argv);

/* Set what external_bench.h calls so: an error of memory, or how slow it is. */
int driven_set(const char *name, long value);

/* Whether the interrupt is raised. */
int driven_interrupt(void);

#ifdef __cplusplus
}
#endif

#endif
